/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/daemon-start.h"

#include <glib/gi18n.h>
#include <stdio.h>

#include "ctl/exit-status.h"
#include "ctl/safe-text.h"

/* A start takes less than half a second. */
#define TOLD_MS 2000
#define LOOK_AGAIN_MS 1000
/* systemd's answers come from memory. One that does not answer has nothing to say. */
#define SYSTEMD_MS 2000
#define UNIT_PATH "/org/freedesktop/systemd1/unit/bailiffd_2eservice"

typedef struct Start {
    GDBusConnection *connection;
    GMainContext *context;
    gboolean replied;
    gboolean refused; /* by the bus, or at its limit */
    gboolean look;    /* it is time to */
    gboolean told;
} Start;

static void on_reply(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Start *self = user_data;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);

    self->refused = reply == NULL;
    self->replied = TRUE;
}

static gboolean on_look(gpointer user_data)
{
    Start *self = user_data;

    self->look = TRUE;
    return G_SOURCE_REMOVE;
}

static void look_in(Start *self, guint milliseconds)
{
    g_autoptr(GSource) source = g_timeout_source_new(milliseconds);

    self->look = FALSE;
    g_source_set_callback(source, on_look, self, NULL);
    g_source_attach(source, self->context);
}

/* NULL: there is no systemd on this bus, or it does not say. Printable. */
static char *read_unit(Start *self, const char *interface, const char *property)
{
    g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
        self->connection, "org.freedesktop.systemd1", UNIT_PATH, "org.freedesktop.DBus.Properties",
        "Get", g_variant_new("(ss)", interface, property), G_VARIANT_TYPE("(v)"),
        G_DBUS_CALL_FLAGS_NO_AUTO_START, SYSTEMD_MS, NULL, NULL);
    g_autoptr(GVariant) value = NULL;

    if (reply == NULL)
        return NULL;
    g_variant_get(reply, "(v)", &value);
    return g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)
               ? safe_text(g_variant_get_string(value, NULL))
               : NULL;
}

static gboolean has_failed(Start *self, const char *state, GError **error)
{
    g_autofree char *result = NULL;

    if (g_strcmp0(state, "failed") != 0)
        return FALSE;
    result = read_unit(self, "org.freedesktop.systemd1.Service", "Result");
    ctl_set_error(
        error, CTL_EXIT_NO_DAEMON,
        _("Look why in 'journalctl -u bailiffd' and mend it; then 'systemctl reset-failed "
          "bailiffd' and 'systemctl start bailiffd'.\nWhat it held is in 'bailiffctl "
          "state'."),
        _("bailiffd does not run, and systemd has given up starting it: %s."),
        result != NULL ? result : state);
    return TRUE;
}

static void tell(Start *self, const char *state)
{
    if (!self->told && state != NULL)
        fprintf(stderr,
                _("bailiffctl: waiting for bailiffd, which the bus starts (its unit is %s: "
                  "'systemctl status bailiffd').\n"),
                state);
    else if (!self->told)
        fprintf(stderr, _("bailiffctl: waiting for bailiffd, which the bus starts.\n"));
    self->told = TRUE;
}

/* FALSE: it never will be there. */
static gboolean look(Start *self, GError **error)
{
    g_autofree char *state = read_unit(self, "org.freedesktop.systemd1.Unit", "ActiveState");

    if (has_failed(self, state, error))
        return FALSE;
    tell(self, state);
    look_in(self, LOOK_AGAIN_MS);
    return TRUE;
}

static gboolean wait_for_it(Start *self, GError **error)
{
    look_in(self, TOLD_MS);
    while (!self->replied) {
        g_main_context_iteration(self->context, TRUE);
        if (!self->replied && self->look && !look(self, error))
            return FALSE;
    }
    if (self->refused) {
        g_autofree char *state = read_unit(self, "org.freedesktop.systemd1.Unit", "ActiveState");

        return !has_failed(self, state, error);
    }
    return TRUE;
}

gboolean daemon_start_by_bus(GDBusConnection *connection, const char *name, GError **error)
{
    g_autoptr(GMainContext) context = g_main_context_new();
    g_autoptr(GCancellable) given_up = g_cancellable_new();
    Start self = { .connection = connection, .context = context };
    gboolean good;

    g_main_context_push_thread_default(context);
    g_dbus_connection_call(connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                           "org.freedesktop.DBus", "StartServiceByName",
                           g_variant_new("(su)", name, 0), NULL, G_DBUS_CALL_FLAGS_NONE, G_MAXINT,
                           given_up, on_reply, &self);
    good = wait_for_it(&self, error);
    g_cancellable_cancel(given_up);
    while (!self.replied)
        g_main_context_iteration(context, TRUE);
    g_main_context_pop_thread_default(context);
    return good;
}
