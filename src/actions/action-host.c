/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Powering the host off, or rebooting it, by logind (org.freedesktop.login1).
 *
 * It has worked when logind has taken it, which is all that can be known: the registration is not
 * cleared by it, and its further steps are walked while the host goes down. What hangs can keep it
 * from going down; the watchdog is there for that.
 *
 * Block inhibitors do not hold back root, and nobody is asked for a password. A late answer does no
 * harm: a host that goes down a moment later goes down.
 */
#include "actions/action-functions.h"

#include "actions/bus-answer.h"

#define LOGIN_NAME "org.freedesktop.login1"
#define LOGIN_PATH "/org/freedesktop/login1"
#define LOGIN_MANAGER LOGIN_NAME ".Manager"

typedef struct HostAction {
    const char *with_flags;
    const char *without_flags; /* older versions of logind have only this one */
    const char *done;
} HostAction;

static const HostAction poweroff = { "PowerOffWithFlags", "PowerOff", "the host is shut down" };
static const HostAction reboot = { "RebootWithFlags", "Reboot", "the host is rebooted" };

/* One request; its task owns it. */
typedef struct Asking {
    const HostAction *action;
    GDBusConnection *bus;
    guint64 until_us;
    gboolean is_old; /* it has no such method as with_flags */
} Asking;

static void asking_free(gpointer data)
{
    Asking *asking = data;

    g_object_unref(asking->bus);
    g_free(asking);
}

static void call(GTask *task, const char *interface, const char *method, GVariant *parameters,
                 const GVariantType *reply_type, GAsyncReadyCallback callback)
{
    const Asking *asking = g_task_get_task_data(task);

    g_dbus_connection_call(asking->bus, LOGIN_NAME, LOGIN_PATH, interface, method, parameters,
                           reply_type, G_DBUS_CALL_FLAGS_NONE, bus_timeout_until(asking->until_us),
                           g_task_get_cancellable(task), callback, task);
}

static void return_error(GTask *task, const GError *error)
{
    g_autofree char *words = bus_error_words(error);

    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED) || bus_error_is_silence(error))
        action_return(task, ACTION_FAILED, "logind did not answer in time");
    else if (bus_error_is_absence(error))
        action_return(task, ACTION_FAILED, "logind is not there: %s", words);
    else
        action_return(task, ACTION_FAILED, "logind refused: %s", words);
}

static void on_preparing(GObject *source, GAsyncResult *result, gpointer user_data)
{
    GTask *task = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    g_autoptr(GVariant) value = NULL;

    if (reply == NULL) {
        return_error(task, error);
        return;
    }
    g_variant_get(reply, "(v)", &value);
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN) && g_variant_get_boolean(value))
        action_return(task, ACTION_WORKED, "the host is going down already");
    else
        action_return(task, ACTION_FAILED, "logind refused: it is at something else");
}

static void on_called(GObject *source, GAsyncResult *result, gpointer user_data)
{
    GTask *task = user_data;
    Asking *asking = g_task_get_task_data(task);
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    g_autofree char *remote = error != NULL ? g_dbus_error_get_remote_error(error) : NULL;

    if (reply != NULL) {
        action_return(task, ACTION_WORKED, "%s", asking->action->done);
    } else if (g_strcmp0(remote, LOGIN_NAME ".OperationInProgress") == 0) {
        /* Another registration has asked for it, or somebody else; or it is a suspend. */
        call(task, "org.freedesktop.DBus.Properties", "Get",
             g_variant_new("(ss)", LOGIN_MANAGER, "PreparingForShutdown"), G_VARIANT_TYPE("(v)"),
             on_preparing);
    } else if (!asking->is_old &&
               g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD)) {
        asking->is_old = TRUE;
        call(task, LOGIN_MANAGER, asking->action->without_flags, g_variant_new("(b)", FALSE),
             G_VARIANT_TYPE_UNIT, on_called);
    } else {
        return_error(task, error);
    }
}

static void start(const HostAction *action, const ActionServices *services,
                  const ActionRequest *request, GTask *task)
{
    Asking *asking;

    if (services->bus == NULL) {
        action_return(task, ACTION_FAILED, "logind is not there: there is no bus");
        return;
    }
    asking = g_new0(Asking, 1);
    asking->action = action;
    asking->bus = g_object_ref(services->bus);
    asking->until_us = request->until_us;
    g_task_set_task_data(task, asking, asking_free);
    call(task, LOGIN_MANAGER, action->with_flags, g_variant_new("(t)", G_GUINT64_CONSTANT(0)),
         G_VARIANT_TYPE_UNIT, on_called);
}

void action_host_poweroff_start(const ActionServices *services, const ActionRequest *request,
                                GTask *task)
{
    start(&poweroff, services, request, task);
}

void action_host_reboot_start(const ActionServices *services, const ActionRequest *request,
                              GTask *task)
{
    start(&reboot, services, request, task);
}
