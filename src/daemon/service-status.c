/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything that changes within one turn of the main loop, or while more urgent things are to be
 * done, makes one message: a thousand registrations that fail at once are no reason to be late.
 */
#include "daemon/service-status.h"

#include "engine/last-kill.h"
#include "engine/lockspace.h"
#include "engine/registration.h"

/* A daemon that hangs is ended by systemd when its kill guard has had this long for its kills,
 * which begin at the end of the budget. */
#define LAST_KILL_SECONDS 20u

struct ServiceStatus {
    BailiffEngine *engine;
    ServiceManager *manager;
    Launcher *launcher; /* NULL: none is looked at */
    char *activity;
    guint idle_source;
};

/* The higher the worse. */
static guint lockspace_badness(BailiffLockspaceState state)
{
    switch (state) {
    case BAILIFF_LOCKSPACE_HELD:
        return 1;
    case BAILIFF_LOCKSPACE_JOINING:
        return 2;
    case BAILIFF_LOCKSPACE_LEAVING:
        return 3;
    case BAILIFF_LOCKSPACE_LATE:
        return 4;
    case BAILIFF_LOCKSPACE_LOST:
        return 5;
    case BAILIFF_LOCKSPACE_FAILING:
        return 6;
    }
    return 7;
}

static guint registration_badness(BailiffRegistrationState state)
{
    switch (state) {
    case BAILIFF_REGISTRATION_CLEARED:
        return 1;
    case BAILIFF_REGISTRATION_ACTIVE:
        return 2;
    case BAILIFF_REGISTRATION_PAUSED:
        return 3;
    case BAILIFF_REGISTRATION_FAILING:
        return 4;
    }
    return 5;
}

static void append_count(GString *text, guint count, const char *what, const char *worst)
{
    if (count == 0)
        g_string_append_printf(text, "no %ss", what);
    else
        g_string_append_printf(text, "%u %s%s (%s%s)", count, what, count == 1 ? "" : "s",
                               count == 1 ? "" : "worst: ", worst);
}

char *service_status_describe(BailiffEngine *engine)
{
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(engine);
    g_autoptr(GPtrArray) registrations = bailiff_engine_list_registrations(engine);
    g_autoptr(GString) text = g_string_new(NULL);
    const char *worst = NULL;
    guint badness = 0;

    for (guint i = 0; i < lockspaces->len; i++) {
        BailiffLockspaceState state = bailiff_lockspace_get_state(lockspaces->pdata[i]);
        if (lockspace_badness(state) > badness) {
            badness = lockspace_badness(state);
            worst = bailiff_lockspace_state_name(state);
        }
    }
    append_count(text, lockspaces->len, "lockspace", worst);
    g_string_append(text, ", ");
    badness = 0;
    for (guint i = 0; i < registrations->len; i++) {
        BailiffRegistrationState state = bailiff_registration_get_state(registrations->pdata[i]);
        if (registration_badness(state) > badness) {
            badness = registration_badness(state);
            worst = bailiff_registration_state_name(state);
        }
    }
    append_count(text, registrations->len, "registration", worst);
    text->str[0] = g_ascii_toupper(text->str[0]);
    return g_strdup(text->str);
}

guint service_status_patience(BailiffEngine *engine)
{
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(engine);
    guint64 longest = 0;

    for (guint i = 0; i < lockspaces->len; i++)
        longest =
            MAX(longest, last_kill_delay(bailiff_lockspace_get_io_timeout(lockspaces->pdata[i])));
    return lockspaces->len > 0 ? (guint)(longest / G_USEC_PER_SEC) + LAST_KILL_SECONDS : 0;
}

static void update_status(ServiceStatus *self)
{
    g_autofree char *model = service_status_describe(self->engine);
    g_autoptr(GString) text = g_string_new(model);

    if (self->launcher != NULL && !launcher_is_up(self->launcher))
        g_string_append(text, "; no launcher of programs: exec steps fail");
    if (self->activity != NULL) {
        g_string_prepend(text, ": ");
        g_string_prepend(text, self->activity);
    }
    service_manager_set_status(self->manager, text->str);
}

static gboolean on_idle(gpointer user_data)
{
    ServiceStatus *self = user_data;

    self->idle_source = 0;
    service_manager_set_patience(self->manager, service_status_patience(self->engine));
    update_status(self);
    return G_SOURCE_REMOVE;
}

static void changed(ServiceStatus *self)
{
    if (self->idle_source == 0)
        self->idle_source = g_idle_add_full(G_PRIORITY_LOW, on_idle, self, NULL);
}

static void on_launcher_changed(gpointer user_data)
{
    changed(user_data);
}

static void watch(ServiceStatus *self, GObject *object)
{
    g_signal_connect_swapped(object, "notify::state", G_CALLBACK(changed), self);
    changed(self);
}

static void on_added(BailiffEngine *engine, GObject *object, gpointer user_data)
{
    ServiceStatus *self = user_data;

    /* At once: before its first renewal anything can hang. */
    service_manager_set_patience(self->manager, service_status_patience(engine));
    watch(self, object);
}

static void on_removed(BailiffEngine *engine, GObject *object, gpointer user_data)
{
    g_signal_handlers_disconnect_by_data(object, user_data);
    changed(user_data);
}

ServiceStatus *service_status_new(BailiffEngine *engine, ServiceManager *manager)
{
    ServiceStatus *self = g_new0(ServiceStatus, 1);
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(engine);
    g_autoptr(GPtrArray) registrations = bailiff_engine_list_registrations(engine);

    self->engine = engine;
    self->manager = manager;
    g_signal_connect(engine, "lockspace-added", G_CALLBACK(on_added), self);
    g_signal_connect(engine, "registration-added", G_CALLBACK(on_added), self);
    g_signal_connect(engine, "lockspace-removed", G_CALLBACK(on_removed), self);
    g_signal_connect(engine, "registration-removed", G_CALLBACK(on_removed), self);
    for (guint i = 0; i < lockspaces->len; i++)
        watch(self, lockspaces->pdata[i]);
    for (guint i = 0; i < registrations->len; i++)
        watch(self, registrations->pdata[i]);
    changed(self);
    return self;
}

void service_status_free(ServiceStatus *self)
{
    if (self == NULL)
        return;
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(self->engine);
    g_autoptr(GPtrArray) registrations = bailiff_engine_list_registrations(self->engine);

    g_signal_handlers_disconnect_by_data(self->engine, self);
    for (guint i = 0; i < lockspaces->len; i++)
        g_signal_handlers_disconnect_by_data(lockspaces->pdata[i], self);
    for (guint i = 0; i < registrations->len; i++)
        g_signal_handlers_disconnect_by_data(registrations->pdata[i], self);
    if (self->launcher != NULL)
        launcher_watch(self->launcher, NULL, NULL);
    if (self->idle_source != 0)
        g_source_remove(self->idle_source);
    g_free(self->activity);
    g_free(self);
}

void service_status_set_launcher(ServiceStatus *self, Launcher *launcher)
{
    self->launcher = launcher;
    launcher_watch(launcher, on_launcher_changed, self);
    changed(self);
}

void service_status_set_activity(ServiceStatus *self, const char *activity)
{
    g_free(self->activity);
    self->activity = g_strdup(activity);
    update_status(self);
}
