/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A timer that looks once in a while: it wakes a daemon that has nothing else to do every five
 * minutes, and is one question in a daemon that has.
 */
#include "daemon/idle-exit.h"

#include <systemd/sd-login.h>

#include "common/log-message.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define UNIT_NAME "bailiffd.service"
#define ANSWER_TIMEOUT_MS 10000

struct IdleExit {
    BailiffEngine *engine;
    BailiffBusService *service; /* NULL: not on the bus yet */
    void (*end)(gpointer);
    gpointer user_data;
    gint64 period_us;      /* 0: never */
    gint64 last_change_us; /* something has gone */
    guint timer;
    gboolean must_ask; /* systemd, when there is a bus */
    GCancellable *asking;
};

static void arm(IdleExit *self, gint64 delay_us);

static gboolean look(gpointer user_data)
{
    IdleExit *self = user_data;
    gint64 last_us, left_us;

    self->timer = 0;
    if (self->service == NULL) {
        arm(self, self->period_us);
        return G_SOURCE_REMOVE;
    }
    last_us = MAX(self->last_change_us, bailiff_bus_service_get_last_call(self->service));
    left_us = last_us + self->period_us - g_get_monotonic_time();
    if (bailiff_bus_service_count_calls(self->service) > 0 || !bailiff_engine_is_idle(self->engine))
        arm(self, self->period_us);
    else if (left_us > 0)
        arm(self, left_us);
    else
        self->end(self->user_data);
    return G_SOURCE_REMOVE;
}

static void arm(IdleExit *self, gint64 delay_us)
{
    self->timer = g_timeout_add((guint)(delay_us / 1000) + 1, look, self);
}

static void begin(IdleExit *self, int seconds)
{
    log_line(LOG_INFO, NULL, "bailiffd ends when it has nothing to do for %d s.", seconds);
    self->period_us = seconds * G_USEC_PER_SEC;
    self->last_change_us = g_get_monotonic_time();
    arm(self, self->period_us);
}

static void on_removed(BailiffEngine *engine, gpointer object, IdleExit *self)
{
    self->last_change_us = g_get_monotonic_time();
}

/* How it is started. */

static void on_file_state(GObject *source, GAsyncResult *result, gpointer user_data)
{
    IdleExit *self = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    const char *state;

    /* After the end of `self`, too. */
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    g_clear_object(&self->asking);
    if (reply == NULL)
        return; /* asked again on another bus; until then it stays */
    self->must_ask = FALSE;
    g_variant_get(reply, "(&s)", &state);
    if (g_str_equal(state, "disabled"))
        begin(self, IDLE_EXIT_AUTO_SECONDS);
}

/* A unit that is enabled is started with the host, and is to be there. */
static void ask_systemd(IdleExit *self, GDBusConnection *bus)
{
    char *unit = NULL;

    (void)sd_pid_get_unit(0, &unit);
    self->asking = g_cancellable_new();
    g_dbus_connection_call(
        bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_NAME ".Manager", "GetUnitFileState",
        g_variant_new("(s)", unit != NULL && g_str_has_suffix(unit, ".service") ? unit : UNIT_NAME),
        G_VARIANT_TYPE("(s)"), G_DBUS_CALL_FLAGS_NO_AUTO_START, ANSWER_TIMEOUT_MS, self->asking,
        on_file_state, self);
    free(unit);
}

static void stop_asking(IdleExit *self)
{
    if (self->asking != NULL)
        g_cancellable_cancel(self->asking);
    g_clear_object(&self->asking);
}

void idle_exit_set_bus(IdleExit *self, GDBusConnection *bus)
{
    stop_asking(self);
    if (bus != NULL && self->must_ask)
        ask_systemd(self, bus);
}

void idle_exit_set_service(IdleExit *self, BailiffBusService *service)
{
    self->service = service;
}

IdleExit *idle_exit_new(BailiffEngine *engine, int seconds, void (*end)(gpointer),
                        gpointer user_data)
{
    IdleExit *self = g_new0(IdleExit, 1);

    self->engine = engine;
    self->end = end;
    self->user_data = user_data;
    g_signal_connect(engine, "lockspace-removed", G_CALLBACK(on_removed), self);
    g_signal_connect(engine, "registration-removed", G_CALLBACK(on_removed), self);
    /* The one is set by a bus that starts services itself, the other by systemd. */
    if (seconds == IDLE_EXIT_AUTO && g_getenv("DBUS_STARTER_ADDRESS") != NULL)
        begin(self, IDLE_EXIT_AUTO_SECONDS);
    else if (seconds == IDLE_EXIT_AUTO)
        self->must_ask = g_getenv("INVOCATION_ID") != NULL;
    else if (seconds != IDLE_EXIT_NEVER)
        begin(self, seconds);
    return self;
}

void idle_exit_free(IdleExit *self)
{
    if (self == NULL)
        return;
    stop_asking(self);
    g_signal_handlers_disconnect_by_data(self->engine, self);
    if (self->timer != 0)
        g_source_remove(self->timer);
    g_free(self);
}
