/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Callers and their users, asked from the bus once for each connection.
 */
#include "dbus/authorization.h"

#include <unistd.h>

#include "common/bailiff-error.h"

/* The bus driver answers in a fraction of a millisecond; whoever waits this long has no bus. */
#define BUS_DRIVER_TIMEOUT_MS 10000

/* A bus never gives a unique name to a second connection, so what is known of one stays true; the
 * bound only keeps the table from growing with every caller that ever was. */
#define KNOWN_USERS_MAX 1024u

struct _BailiffAuthorization {
    GObject parent_instance;
    GHashTable *users; /* unique name -> GUINT_TO_POINTER(uid) */
    guint epoch;       /* counts buses: an answer of an earlier one is not remembered */
};

G_DEFINE_TYPE(BailiffAuthorization, bailiff_authorization, G_TYPE_OBJECT)

typedef struct Question {
    char *sender;
    char *method;
    guint epoch;
    uid_t uid; /* the answer */
} Question;

static void question_free(Question *question)
{
    g_free(question->sender);
    g_free(question->method);
    g_free(question);
}

static void bailiff_authorization_finalize(GObject *object)
{
    BailiffAuthorization *self = BAILIFF_AUTHORIZATION(object);
    g_hash_table_unref(self->users);
    G_OBJECT_CLASS(bailiff_authorization_parent_class)->finalize(object);
}

static void bailiff_authorization_class_init(BailiffAuthorizationClass *class)
{
    G_OBJECT_CLASS(class)->finalize = bailiff_authorization_finalize;
}

static void bailiff_authorization_init(BailiffAuthorization *self)
{
    self->users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

BailiffAuthorization *bailiff_authorization_new(void)
{
    return g_object_new(BAILIFF_TYPE_AUTHORIZATION, NULL);
}

static void answer(GTask *task, uid_t uid)
{
    Question *question = g_task_get_task_data(task);

    question->uid = uid;
    if (uid == 0 || uid == geteuid()) {
        g_task_return_boolean(task, TRUE);
        return;
    }
    g_task_return_error(task, bailiff_error_make(BAILIFF_ERROR_NOT_AUTHORIZED, "Call it as root.",
                                                 "User %u may not call %s().", (guint)uid,
                                                 question->method));
}

static void user_known(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    BailiffAuthorization *self = g_task_get_source_object(task);
    const Question *question = g_task_get_task_data(task);
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);

    if (reply == NULL) {
        g_dbus_error_strip_remote_error(error);
        g_task_return_error(
            task, bailiff_error_make(BAILIFF_ERROR_NOT_AUTHORIZED,
                                     "Call again, from a connection that stays on the bus.",
                                     "The bus does not say which user the caller is: %s.",
                                     error->message));
        return;
    }

    guint32 uid;
    g_variant_get(reply, "(u)", &uid);
    if (question->epoch == self->epoch) {
        if (g_hash_table_size(self->users) >= KNOWN_USERS_MAX)
            g_hash_table_remove_all(self->users);
        g_hash_table_insert(self->users, g_strdup(question->sender), GUINT_TO_POINTER(uid));
    }
    answer(task, uid);
}

void bailiff_authorization_check_async(BailiffAuthorization *self,
                                       GDBusMethodInvocation *invocation,
                                       GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    g_task_set_source_tag(task, bailiff_authorization_check_async);

    Question *question = g_new0(Question, 1);
    question->sender = g_strdup(g_dbus_method_invocation_get_sender(invocation));
    question->method = g_strdup(g_dbus_method_invocation_get_method_name(invocation));
    question->epoch = self->epoch;
    question->uid = (uid_t)-1;
    g_task_set_task_data(task, question, (GDestroyNotify)question_free);

    gpointer known;
    if (g_hash_table_lookup_extended(self->users, question->sender, NULL, &known)) {
        answer(task, GPOINTER_TO_UINT(known));
        return;
    }
    g_dbus_connection_call(g_dbus_method_invocation_get_connection(invocation),
                           "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                           "GetConnectionUnixUser", g_variant_new("(s)", question->sender),
                           G_VARIANT_TYPE("(u)"), G_DBUS_CALL_FLAGS_NONE, BUS_DRIVER_TIMEOUT_MS,
                           NULL, user_known, g_object_ref(task));
}

gboolean bailiff_authorization_check_finish(BailiffAuthorization *self, GAsyncResult *result,
                                            uid_t *ret_uid, GError **error)
{
    g_return_val_if_fail(g_task_is_valid(result, self), FALSE);
    *ret_uid = ((const Question *)g_task_get_task_data(G_TASK(result)))->uid;
    return g_task_propagate_boolean(G_TASK(result), error);
}

void bailiff_authorization_forget(BailiffAuthorization *self)
{
    self->epoch++;
    g_hash_table_remove_all(self->users);
}
