/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Callers and their users, asked from the bus once for each connection; then what they may do,
 * asked from polkit each time.
 */
#include "dbus/authorization.h"

#include <unistd.h>

#include "common/bailiff-error.h"
#include "dbus/method-actions.h"
#include "dbus/polkit.h"

/* The bus driver answers in a fraction of a millisecond; whoever waits this long has no bus. */
#define BUS_DRIVER_TIMEOUT_MS 10000

/* A bus never gives a unique name to a second connection, so what is known of one stays true; the
 * bound only keeps the table from growing with every caller that ever was. */
#define KNOWN_USERS_MAX 1024u

struct _BailiffAuthorization {
    GObject parent_instance;
    GHashTable *users;   /* unique name -> GUINT_TO_POINTER(uid) */
    GHashTable *lookups; /* unique name -> Lookup that the bus has not answered (not owned) */
};

G_DEFINE_TYPE(BailiffAuthorization, bailiff_authorization, G_TYPE_OBJECT)

/* --- who it is ------------------------------------------------------------------------------- */

/* One question to the bus, and all calls of that caller which wait for its answer. Callers may
 * count on their calls being taken in the order in which they were made: a call that comes while
 * the question is out waits behind those before it, and none asks on its own, since its answer
 * could come before that of a neighbour. */
typedef struct Lookup {
    BailiffAuthorization *authorization;
    char *sender;
    GPtrArray *tasks; /* of GTask */
} Lookup;

static void bailiff_authorization_finalize(GObject *object)
{
    BailiffAuthorization *self = BAILIFF_AUTHORIZATION(object);
    g_hash_table_unref(self->users);
    g_hash_table_unref(self->lookups);
    G_OBJECT_CLASS(bailiff_authorization_parent_class)->finalize(object);
}

static void bailiff_authorization_class_init(BailiffAuthorizationClass *class)
{
    G_OBJECT_CLASS(class)->finalize = bailiff_authorization_finalize;
}

static void bailiff_authorization_init(BailiffAuthorization *self)
{
    self->users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->lookups = g_hash_table_new(g_str_hash, g_str_equal);
}

BailiffAuthorization *bailiff_authorization_new(void)
{
    return g_object_new(BAILIFF_TYPE_AUTHORIZATION, NULL);
}

static void remember(BailiffAuthorization *self, const char *sender, uid_t uid)
{
    if (g_hash_table_size(self->users) >= KNOWN_USERS_MAX)
        g_hash_table_remove_all(self->users);
    g_hash_table_insert(self->users, g_strdup(sender), GUINT_TO_POINTER(uid));
}

static void answer(GTask *task, uid_t uid)
{
    uid_t *answered = g_task_get_task_data(task);

    *answered = uid;
    g_task_return_boolean(task, TRUE);
}

static void answer_without_user(GTask *task, const GError *cause)
{
    g_task_return_error(task,
                        bailiff_error_make(BAILIFF_ERROR_NOT_AUTHORIZED,
                                           "Call again, from a connection that stays on the bus.",
                                           "The bus does not say which user the caller is: %s.",
                                           cause->message));
}

/* FALSE: it was asked of an earlier bus, where this name was another's. */
static gboolean end_lookup(Lookup *lookup)
{
    GHashTable *lookups = lookup->authorization->lookups;

    if (g_hash_table_lookup(lookups, lookup->sender) != lookup)
        return FALSE;
    g_hash_table_remove(lookups, lookup->sender);
    return TRUE;
}

static void lookup_free(Lookup *lookup)
{
    g_ptr_array_unref(lookup->tasks);
    g_free(lookup->sender);
    g_object_unref(lookup->authorization);
    g_free(lookup);
}

static void user_known(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Lookup *lookup = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    gboolean current = end_lookup(lookup);
    guint32 uid = 0;

    if (reply != NULL) {
        g_variant_get(reply, "(u)", &uid);
        if (current)
            remember(lookup->authorization, lookup->sender, uid);
    } else {
        g_dbus_error_strip_remote_error(error);
    }
    for (guint i = 0; i < lookup->tasks->len; i++) {
        GTask *task = g_ptr_array_index(lookup->tasks, i);
        if (reply != NULL)
            answer(task, uid);
        else
            answer_without_user(task, error);
    }
    lookup_free(lookup);
}

static Lookup *begin_lookup(BailiffAuthorization *self, GDBusConnection *connection,
                            const char *sender)
{
    Lookup *lookup = g_new0(Lookup, 1);

    lookup->authorization = g_object_ref(self);
    lookup->sender = g_strdup(sender);
    lookup->tasks = g_ptr_array_new_with_free_func(g_object_unref);
    g_hash_table_insert(self->lookups, lookup->sender, lookup);
    g_dbus_connection_call(connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                           "org.freedesktop.DBus", "GetConnectionUnixUser",
                           g_variant_new("(s)", sender), G_VARIANT_TYPE("(u)"),
                           G_DBUS_CALL_FLAGS_NONE, BUS_DRIVER_TIMEOUT_MS, NULL, user_known, lookup);
    return lookup;
}

void bailiff_authorization_identify_async(BailiffAuthorization *self,
                                          GDBusMethodInvocation *invocation,
                                          GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    const char *sender = g_dbus_method_invocation_get_sender(invocation);
    uid_t *nobody_yet = g_new(uid_t, 1);
    gpointer known;

    *nobody_yet = (uid_t)-1;
    g_task_set_source_tag(task, bailiff_authorization_identify_async);
    g_task_set_task_data(task, nobody_yet, g_free);
    if (g_hash_table_lookup_extended(self->users, sender, NULL, &known)) {
        answer(task, GPOINTER_TO_UINT(known));
        return;
    }
    Lookup *lookup = g_hash_table_lookup(self->lookups, sender);
    if (lookup == NULL)
        lookup = begin_lookup(self, g_dbus_method_invocation_get_connection(invocation), sender);
    g_ptr_array_add(lookup->tasks, g_steal_pointer(&task));
}

gboolean bailiff_authorization_identify_finish(BailiffAuthorization *self, GAsyncResult *result,
                                               uid_t *ret_uid, GError **error)
{
    g_return_val_if_fail(g_task_is_valid(result, self), FALSE);
    *ret_uid = *(const uid_t *)g_task_get_task_data(G_TASK(result));
    return g_task_propagate_boolean(G_TASK(result), error);
}

/* --- what it may do -------------------------------------------------------------------------- */

typedef struct Check {
    GDBusMethodInvocation *invocation;
    GVariant *details;
    guint actions; /* not asked about yet */
} Check;

static void check_free(gpointer data)
{
    Check *check = data;

    g_object_unref(check->invocation);
    g_variant_unref(check->details);
    g_free(check);
}

gboolean bailiff_authorization_trusts(BailiffAuthorization *self, uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

static void ask_next(GTask *task);

static void polkit_answered(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    GError *error = NULL;

    if (polkit_ask_finish(result, &error))
        ask_next(task);
    else
        g_task_return_error(task, error);
}

static void ask_next(GTask *task)
{
    Check *check = g_task_get_task_data(task);
    GDBusMethodInvocation *invocation = check->invocation;
    GDBusMessage *message = g_dbus_method_invocation_get_message(invocation);

    if (check->actions == 0) {
        g_task_return_boolean(task, TRUE);
        return;
    }
    gint action = g_bit_nth_lsf(check->actions, -1);
    check->actions &= ~POLKIT_BIT((guint)action);

    const PolkitQuestion question = {
        .connection = g_dbus_method_invocation_get_connection(invocation),
        .caller = g_dbus_method_invocation_get_sender(invocation),
        .action_id = polkit_action_id((PolkitAction)action),
        .details = check->details,
        .interactive = (g_dbus_message_get_flags(message) &
                        G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION) != 0,
    };
    polkit_ask_async(&question, g_task_get_cancellable(task), polkit_answered, g_object_ref(task));
}

void bailiff_authorization_check_async(BailiffAuthorization *self,
                                       GDBusMethodInvocation *invocation, guint actions,
                                       GVariant *details, GCancellable *cancellable,
                                       GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, cancellable, callback, user_data);
    Check *check = g_new0(Check, 1);

    g_task_set_source_tag(task, bailiff_authorization_check_async);
    g_task_set_check_cancellable(task, FALSE); /* the question is, and what it says is known */
    check->invocation = g_object_ref(invocation);
    check->details = g_variant_ref(details);
    check->actions = actions;
    g_task_set_task_data(task, check, check_free);
    ask_next(task);
}

gboolean bailiff_authorization_check_finish(BailiffAuthorization *self, GAsyncResult *result,
                                            GError **error)
{
    g_return_val_if_fail(g_task_is_valid(result, self), FALSE);
    return g_task_propagate_boolean(G_TASK(result), error);
}

void bailiff_authorization_forget(BailiffAuthorization *self)
{
    g_hash_table_remove_all(self->users);
    g_hash_table_remove_all(self->lookups); /* their answers go to the calls that wait for them */
}
