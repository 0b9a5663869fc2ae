/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls to systemd, each with a limit, and what its errors mean.
 */
#include "actions/systemd-private.h"

#include "actions/bus-answer.h"
#include "actions/unit-name.h"
#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"

#define CURE_ABSENT "Run the daemon on a host that systemd manages, or register processes instead."
#define CURE_SLOW "See what systemd waits for (systemctl list-jobs, the journal)."
#define CURE_REFUSED "See what systemd says of the unit (systemctl status, the journal)."

GError *systemd_make_absent(void)
{
    return bailiff_error_make(BAILIFF_ERROR_IO_ERROR, CURE_ABSENT,
                              "systemd is not there, or went away.");
}

/* What a call's error means to whoever asked. */
static GError *translate(const GError *error, const char *method)
{
    g_autofree char *remote = g_dbus_error_get_remote_error(error);
    g_autofree char *words = NULL;

    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return g_error_copy(error);
    if (bus_error_is_absence(error))
        return systemd_make_absent();
    if (bus_error_is_silence(error))
        return bailiff_error_make(BAILIFF_ERROR_IO_TIMEOUT, CURE_SLOW, "systemd did not answer %s.",
                                  method);
    words = bus_error_words(error);
    if (g_strcmp0(remote, SYSTEMD_NAME ".NoSuchUnit") == 0 ||
        g_strcmp0(remote, "org.freedesktop.DBus.Error.UnknownObject") == 0)
        return bailiff_error_make(BAILIFF_ERROR_NOT_FOUND, CURE_REFUSED,
                                  "systemd has no such unit (\"%s\").", words);
    if (g_strcmp0(remote, "org.freedesktop.DBus.Error.AccessDenied") == 0)
        return bailiff_error_make(BAILIFF_ERROR_NOT_AUTHORIZED, "Run the daemon as root.",
                                  "systemd does not allow %s (\"%s\").", method, words);
    return bailiff_error_make(BAILIFF_ERROR_IO_ERROR, CURE_REFUSED,
                              "systemd answered %s with the error \"%s\".", method, words);
}

static void on_called(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    g_autoptr(GError) error = NULL;
    GVariant *reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);

    if (reply != NULL)
        g_task_return_pointer(task, reply, (GDestroyNotify)g_variant_unref);
    else
        g_task_return_error(task, translate(error, g_task_get_task_data(task)));
}

static void call(BailiffSystemd *systemd, const char *path, const char *interface,
                 const char *method, GVariant *parameters, const GVariantType *reply_type,
                 guint64 until_us, GCancellable *cancellable, GAsyncReadyCallback callback,
                 gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(systemd, cancellable, callback, user_data);
    g_autoptr(GVariant) taken = g_variant_ref_sink(parameters);

    g_task_set_source_tag(task, call);
    g_task_set_task_data(task, g_strdup(method), g_free);
    if (systemd->bus == NULL) {
        g_task_return_error(task, systemd_make_absent());
        return;
    }
    /* systemd is there from the start or never: nothing is to be started on demand for it. */
    g_dbus_connection_call(systemd->bus, SYSTEMD_NAME, path, interface, method, taken, reply_type,
                           G_DBUS_CALL_FLAGS_NO_AUTO_START, bus_timeout_until(until_us),
                           cancellable, on_called, g_object_ref(task));
}

void systemd_call_async(BailiffSystemd *systemd, const char *method, GVariant *parameters,
                        const GVariantType *reply_type, guint64 until_us, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data)
{
    call(systemd, SYSTEMD_PATH, SYSTEMD_MANAGER, method, parameters, reply_type, until_us,
         cancellable, callback, user_data);
}

void systemd_call_unit_async(BailiffSystemd *systemd, const char *path, const char *method,
                             GVariant *parameters, const GVariantType *reply_type, guint64 until_us,
                             GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer user_data)
{
    call(systemd, path, "org.freedesktop.DBus.Properties", method, parameters, reply_type, until_us,
         cancellable, callback, user_data);
}

GVariant *systemd_call_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}
