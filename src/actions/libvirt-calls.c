/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls to org.libvirt, by GDBus and without its time-outs: a call that GDBus has timed out is one
 * of which nothing is heard any more.
 */
#include "actions/libvirt-calls.h"

#include <string.h>

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"

#define BUS_NAME "org.libvirt"
#define CURE_LIBVIRT "Look after libvirt: virsh list, and the log of libvirtd."

/* libvirt's words may be long, and have line ends. */
#define REASON_MAX 200

typedef enum CallPlace { CALL_WAITING, CALL_OUT, CALL_ADRIFT } CallPlace;

struct LibvirtCalls {
    char *path;
    LibvirtCallEnded ended;
    gpointer user_data;
    GDBusConnection *bus;
    GQueue waiting; /* of LibvirtCall */
    GQueue sent;    /* out and adrift */
    guint n_out;
    guint64 next_adrift;
};

typedef struct LibvirtCall {
    LibvirtCalls *calls; /* NULL: they are gone, only GDBus still knows of this one */
    LibvirtMethod method;
    char *uuid;
    CallPlace place;
    guint64 adrift_number;
    GTask *task; /* who waits for it; NULL: given up */
    GSource *cancel;
    BoottimeTimer *limit;
} LibvirtCall;

typedef struct MethodForm {
    const char *interface, *member, *reply;
} MethodForm;

static const MethodForm forms[LIBVIRT_METHOD_COUNT] = {
    [LIBVIRT_LIST_DOMAINS] = { "org.libvirt.Connect", "ListDomains", "(ao)" },
    [LIBVIRT_GET_NAME] = { "org.freedesktop.DBus.Properties", "Get", "(v)" },
    [LIBVIRT_GET_STATE] = { "org.libvirt.Domain", "GetState", "((ii))" },
    [LIBVIRT_ASK_QEMU] = { "org.libvirt.Domain", "GetIOThreadInfo", NULL },
    [LIBVIRT_SUSPEND] = { "org.libvirt.Domain", "Suspend", "()" },
    [LIBVIRT_RESUME] = { "org.libvirt.Domain", "Resume", "()" },
    [LIBVIRT_CREATE] = { "org.libvirt.Domain", "Create", "()" },
    [LIBVIRT_DESTROY] = { "org.libvirt.Domain", "Destroy", "()" },
};

static void send_waiting(LibvirtCalls *self);

static GVariant *make_arguments(LibvirtMethod method)
{
    switch (method) {
    case LIBVIRT_GET_NAME:
        return g_variant_new("(ss)", "org.libvirt.Domain", "Name");
    case LIBVIRT_SUSPEND:
    case LIBVIRT_RESUME:
        return NULL;
    default: /* flags: none */
        return g_variant_new("(u)", 0);
    }
}

char *libvirt_calls_make_path(LibvirtCalls *self, const char *uuid)
{
    char *path;

    if (uuid == NULL)
        return g_strdup(self->path);
    path = g_strdup_printf("%s/domain/_%s", self->path, uuid);
    g_strdelimit(path + strlen(self->path), "-", '_');
    return path;
}

static gboolean is_change(const LibvirtCall *call)
{
    return (LIBVIRT_METHOD_BIT(call->method) & LIBVIRT_CHANGES) != 0;
}

/* --- who waits for a call ----------------------------------------------------------------------
 */

/* The caller's part is over; the task, for the answer. */
static GTask *let_go_of_caller(LibvirtCall *call)
{
    if (call->cancel != NULL) {
        g_source_destroy(call->cancel);
        g_clear_pointer(&call->cancel, g_source_unref);
    }
    g_clear_pointer(&call->limit, boottime_timer_free);
    return g_steal_pointer(&call->task);
}

static void call_free(LibvirtCall *call)
{
    g_autoptr(GTask) task = let_go_of_caller(call);

    if (task != NULL)
        g_task_return_new_error(task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Given up.");
    g_free(call->uuid);
    g_free(call);
}

/* It leaves the table for good. */
static void call_ended(LibvirtCall *call)
{
    LibvirtCalls *self = call->calls;

    g_queue_remove(call->place == CALL_WAITING ? &self->waiting : &self->sent, call);
    if (is_change(call))
        self->ended(call->uuid, self->user_data);
    call_free(call);
}

static void give_up(LibvirtCall *call, GError *error)
{
    g_autoptr(GTask) task = let_go_of_caller(call);

    if (call->place == CALL_WAITING)
        call_ended(call);
    g_task_return_error(task, error);
}

static gboolean on_cancelled(GCancellable *cancellable, gpointer user_data)
{
    give_up(user_data, g_error_new_literal(G_IO_ERROR, G_IO_ERROR_CANCELLED, "Given up."));
    return G_SOURCE_REMOVE;
}

static void on_limit(gpointer user_data)
{
    LibvirtCall *call = user_data;

    give_up(call,
            bailiff_error_make(BAILIFF_ERROR_IO_TIMEOUT, CURE_LIBVIRT,
                               "libvirt does not answer the call %s.", forms[call->method].member));
}

static void watch_caller(LibvirtCall *call, guint limit_ms)
{
    GCancellable *cancellable = g_task_get_cancellable(call->task);

    if (cancellable != NULL) {
        call->cancel = g_cancellable_source_new(cancellable);
        g_source_set_callback(call->cancel, G_SOURCE_FUNC(on_cancelled), call, NULL);
        g_source_set_priority(call->cancel, G_PRIORITY_HIGH);
        g_source_attach(call->cancel, NULL);
    }
    if (limit_ms > 0) {
        call->limit = boottime_timer_new(on_limit, call);
        boottime_timer_set(call->limit, time_add(boottime_now(), (guint64)limit_ms * 1000));
    }
}

/* --- replies ------------------------------------------------------------------------------------
 */

/* TRUE when nobody has answered, and nobody will: the bus says so in place of whoever went
 * (NoReply), or the connection to it is gone. All other errors are replies: of libvirt-dbus, or of
 * a bus that has not delivered the call. */
static gboolean is_adrift(const GError *error)
{
    g_autofree char *name = NULL;

    if (!g_dbus_error_is_remote_error(error))
        return TRUE;
    name = g_dbus_error_get_remote_error(error);
    return g_strcmp0(name, "org.freedesktop.DBus.Error.NoReply") == 0;
}

/* Nobody to ask: the name has no owner, and the bus cannot have it started. */
static gboolean is_absent(const GError *error)
{
    g_autofree char *name = g_dbus_error_get_remote_error(error);

    return name != NULL && (g_str_equal(name, "org.freedesktop.DBus.Error.ServiceUnknown") ||
                            g_str_equal(name, "org.freedesktop.DBus.Error.NameHasNoOwner") ||
                            g_str_has_prefix(name, "org.freedesktop.DBus.Error.Spawn."));
}

/* Takes the words of a bus error apart. */
static GError *make_error(GError *error)
{
    gboolean absent = is_absent(error);
    g_autofree char *reason = NULL;
    glong length;

    g_dbus_error_strip_remote_error(error);
    length = MIN(g_utf8_strlen(error->message, -1), REASON_MAX);
    reason = g_utf8_substring(error->message, 0, length);
    for (char *c = reason; *c != '\0'; c++)
        if (g_ascii_iscntrl(*c))
            *c = ' ';
    g_strchomp(reason);
    if (g_str_has_suffix(reason, "."))
        reason[strlen(reason) - 1] = '\0';
    if (absent)
        return bailiff_error_make(
            BAILIFF_ERROR_IO_ERROR,
            "Install libvirt-dbus, and see that it starts: busctl status " BUS_NAME ".",
            "libvirt is not on the bus: %s.", reason);
    return bailiff_error_make(BAILIFF_ERROR_IO_ERROR, CURE_LIBVIRT, "libvirt: %s.", reason);
}

static void on_reply(GObject *source, GAsyncResult *result, gpointer user_data)
{
    LibvirtCall *call = user_data;
    LibvirtCalls *self = call->calls;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    g_autoptr(GTask) task = NULL;

    if (self == NULL) {
        call_free(call);
        return;
    }
    self->n_out--;
    task = let_go_of_caller(call);
    if (reply == NULL && is_adrift(error) && is_change(call)) {
        call->place = CALL_ADRIFT;
        call->adrift_number = self->next_adrift++;
    } else {
        call_ended(call);
    }
    send_waiting(self);
    /* Last: whoever waited is called from here, and may end all this. */
    if (task != NULL && reply != NULL)
        g_task_return_pointer(task, g_steal_pointer(&reply), (GDestroyNotify)g_variant_unref);
    else if (task != NULL)
        g_task_return_error(task, make_error(error));
}

static void send(LibvirtCalls *self, LibvirtCall *call)
{
    const MethodForm *form = &forms[call->method];
    g_autofree char *path = libvirt_calls_make_path(self, call->uuid);

    call->place = CALL_OUT;
    g_queue_push_tail(&self->sent, call);
    self->n_out++;
    g_dbus_connection_call(self->bus, BUS_NAME, path, form->interface, form->member,
                           make_arguments(call->method),
                           form->reply != NULL ? G_VARIANT_TYPE(form->reply) : NULL,
                           G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, on_reply, call);
}

/* Who was cancelled, and is to hear of it in the next round of the main loop, asks nothing more. */
static gboolean is_wanted(LibvirtCall *call)
{
    return !g_cancellable_is_cancelled(g_task_get_cancellable(call->task));
}

static void send_waiting(LibvirtCalls *self)
{
    GList *next;

    for (GList *link = self->waiting.head; link != NULL; link = next) {
        LibvirtCall *call = link->data;

        next = link->next;
        if (self->bus == NULL || self->n_out >= LIBVIRT_CALLS_OUT_MAX)
            return;
        if (!is_wanted(call))
            continue;
        g_queue_delete_link(&self->waiting, link);
        send(self, call);
    }
}

/* --- the table -----------------------------------------------------------------------------------
 */

LibvirtCalls *libvirt_calls_new(const char *driver, LibvirtCallEnded ended, gpointer user_data)
{
    LibvirtCalls *self = g_new0(LibvirtCalls, 1);

    self->path = g_strdup_printf("/org/libvirt/%s", driver);
    self->ended = ended;
    self->user_data = user_data;
    return self;
}

void libvirt_calls_free(LibvirtCalls *self)
{
    LibvirtCall *call;

    if (self == NULL)
        return;
    while ((call = g_queue_pop_head(&self->waiting)) != NULL)
        call_free(call);
    while ((call = g_queue_pop_head(&self->sent)) != NULL) {
        g_autoptr(GTask) task = let_go_of_caller(call);

        if (task != NULL)
            g_task_return_new_error(task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Given up.");
        call->calls = NULL;
        if (call->place == CALL_ADRIFT)
            call_free(call);
    }
    g_clear_object(&self->bus);
    g_free(self->path);
    g_free(self);
}

void libvirt_calls_set_bus(LibvirtCalls *self, GDBusConnection *bus)
{
    g_set_object(&self->bus, bus);
    while (self->bus == NULL && self->waiting.length > 0)
        give_up(g_queue_peek_head(&self->waiting),
                bailiff_error_make(BAILIFF_ERROR_IO_ERROR,
                                   "Look after the bus: systemctl status dbus.",
                                   "The connection to the bus was lost."));
    send_waiting(self);
}

void libvirt_calls_start(LibvirtCalls *self, LibvirtMethod method, const char *uuid, guint limit_ms,
                         GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(NULL, cancellable, callback, user_data);
    LibvirtCall *call;

    g_task_set_source_tag(task, libvirt_calls_start);
    /* An answer that has come is an answer, whenever it is looked at. */
    g_task_set_check_cancellable(task, FALSE);
    if (self->bus == NULL) {
        g_task_return_error(task, bailiff_error_make(BAILIFF_ERROR_IO_ERROR,
                                                     "Look after the bus: systemctl status dbus.",
                                                     "There is no bus to reach libvirt on."));
        return;
    }
    call = g_new0(LibvirtCall, 1);
    call->calls = self;
    call->method = method;
    call->uuid = g_strdup(uuid);
    call->place = CALL_WAITING;
    call->task = g_steal_pointer(&task);
    g_queue_push_tail(&self->waiting, call);
    watch_caller(call, limit_ms);
    send_waiting(self);
}

GVariant *libvirt_calls_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}

static gboolean queue_has(const GQueue *queue, const char *uuid, guint methods)
{
    for (const GList *link = queue->head; link != NULL; link = link->next) {
        const LibvirtCall *call = link->data;

        if ((methods & LIBVIRT_METHOD_BIT(call->method)) != 0 && g_strcmp0(call->uuid, uuid) == 0)
            return TRUE;
    }
    return FALSE;
}

gboolean libvirt_calls_has(LibvirtCalls *self, const char *uuid, guint methods)
{
    return queue_has(&self->waiting, uuid, methods) || queue_has(&self->sent, uuid, methods);
}

guint64 libvirt_calls_next_adrift(LibvirtCalls *self)
{
    return self->next_adrift;
}

void libvirt_calls_end_adrift(LibvirtCalls *self, guint64 below)
{
    g_autoptr(GPtrArray) over = g_ptr_array_new();

    for (GList *link = self->sent.head; link != NULL; link = link->next) {
        LibvirtCall *call = link->data;

        if (call->place == CALL_ADRIFT && call->adrift_number < below)
            g_ptr_array_add(over, call);
    }
    for (guint i = 0; i < over->len; i++)
        call_ended(over->pdata[i]);
}

const char *libvirt_calls_get_path(LibvirtCalls *self)
{
    return self->path;
}
