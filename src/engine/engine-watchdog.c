/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The watchdog in words, and when they are said.
 */
#include "engine/engine-watchdog.h"

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "engine/watchdog-lookout.h"

struct EngineWatchdog {
    GObject *engine; /* owns us */
    Watchdog *watchdog;
    WatchdogLookout *lookout;
    FdStore *store; /* may be NULL */
    char *setting;
    WatchdogState state; /* as it was told */
    char *description;
    char *trouble; /* of an inherited lockspace that cannot be guarded */
    gboolean absence_told;
};

static const char absent[] =
    "No watchdog is configured: what cannot be killed, such as a process that waits for storage, "
    "goes on when its lease is lost, and other hosts may use what it uses.\n"
    "Set type= in [watchdog] of bailiffd.conf; it counts from the next start.";

/* What keeps it from working although the watchdog itself knows of nothing; NULL: nothing does. */
static const char *find_trouble(EngineWatchdog *self)
{
    if (self->trouble != NULL)
        return self->trouble;
    return watchdog_get_state(self->watchdog) == WATCHDOG_STATE_IDLE
               ? watchdog_lookout_get_trouble(self->lookout)
               : NULL;
}

static WatchdogState state_of(EngineWatchdog *self)
{
    return find_trouble(self) != NULL ? WATCHDOG_STATE_FAILED : watchdog_get_state(self->watchdog);
}

static char *describe(EngineWatchdog *self, WatchdogState state)
{
    const char *running = watchdog_get_description(self->watchdog);
    const char *trouble = find_trouble(self);

    if (state == WATCHDOG_STATE_DISARMED)
        return g_strdup(absent);
    if (state == WATCHDOG_STATE_FAILED)
        return g_strdup(trouble != NULL ? trouble : watchdog_get_reason(self->watchdog));
    return g_strdup(*running != '\0' ? running
                                     : watchdog_kind_name(watchdog_get_kind(self->watchdog)));
}

static void tell_idle(WatchdogState before)
{
    if (before == WATCHDOG_STATE_FAILED)
        log_line(LOG_NOTICE, NULL, "The watchdog can be had by now. Nothing is guarded yet.");
    else
        log_message(MESSAGE_WATCHDOG_STOPPED, NULL,
                    "The watchdog is stopped: there is no lockspace to guard.");
}

static void tell(EngineWatchdog *self, WatchdogState before)
{
    g_autofree char *line = bailiff_error_in_one_line(self->description);

    switch (self->state) {
    case WATCHDOG_STATE_DISARMED:
        log_message(MESSAGE_WATCHDOG_ABSENT, NULL, "%s", line);
        break;
    case WATCHDOG_STATE_IDLE:
        tell_idle(before);
        break;
    case WATCHDOG_STATE_ARMED:
        log_message(MESSAGE_WATCHDOG_ARMED, NULL, "The watchdog is armed: %s.", line);
        break;
    case WATCHDOG_STATE_FIRING:
        log_message(MESSAGE_WATCHDOG_FIRING, NULL,
                    "The watchdog (%s) resets this host 50 to 60 seconds after the fail deadline, "
                    "unless everybody who uses the lost leases is stopped before.",
                    line);
        break;
    case WATCHDOG_STATE_FAILED:
        log_message(MESSAGE_WATCHDOG_FAILED, NULL, "The watchdog does not work. %s", line);
        break;
    case WATCHDOG_STATE_COUNT:
        break;
    }
}

static void on_changed(gpointer user_data)
{
    EngineWatchdog *self = user_data;
    WatchdogState state = state_of(self), before = self->state;
    gboolean is_new = state != before;
    g_autofree char *description = describe(self, state);

    if (!is_new && g_str_equal(description, self->description))
        return;
    g_free(self->description);
    self->description = g_steal_pointer(&description);
    self->state = state;
    if (is_new)
        tell(self, before);
    g_object_notify(self->engine, "watchdog-state");
}

static char *print_setting(const WatchdogConfig *config)
{
    const char *place = "";

    if (config->kind == WATCHDOG_DEVICE)
        place = config->device != NULL ? config->device : WATCHDOG_DEVICE_DEFAULT;
    else if (config->kind == WATCHDOG_WDMD)
        place = config->socket != NULL ? config->socket : WATCHDOG_SOCKET_DEFAULT;
    return g_strstrip(g_strdup_printf("%s %s", watchdog_kind_name(config->kind), place));
}

EngineWatchdog *engine_watchdog_new(GObject *engine, const WatchdogConfig *config, FdStore *store,
                                    GError **error)
{
    WatchdogConfig with_store =
        config != NULL ? *config : (WatchdogConfig){ .kind = WATCHDOG_NONE };
    EngineWatchdog *self = g_new0(EngineWatchdog, 1);

    self->engine = engine;
    self->setting = print_setting(&with_store);
    self->store = with_store.store = store;
    self->watchdog = watchdog_new(&with_store, on_changed, self, error);
    if (self->watchdog == NULL) {
        g_free(self->setting);
        g_free(self);
        return NULL;
    }
    self->lookout = watchdog_lookout_new(&with_store, on_changed, self);
    self->state = state_of(self);
    self->description = describe(self, self->state);
    if (self->state == WATCHDOG_STATE_FAILED)
        tell(self, self->state);
    return self;
}

void engine_watchdog_free(EngineWatchdog *self)
{
    if (self == NULL)
        return;
    watchdog_free(self->watchdog);
    watchdog_lookout_free(self->lookout);
    g_free(self->description);
    g_free(self->trouble);
    g_free(self->setting);
    g_free(self);
}

Watchdog *engine_watchdog_get(EngineWatchdog *self)
{
    return self->watchdog;
}

const char *engine_watchdog_get_state(EngineWatchdog *self)
{
    return watchdog_state_name(self->state);
}

const char *engine_watchdog_get_description(EngineWatchdog *self)
{
    return self->description;
}

/* --- going on as another program -------------------------------------------------------------- */

/* A device is in the store already, as long as it is open. */
void engine_watchdog_give(EngineWatchdog *self)
{
    g_autoptr(GPtrArray) descriptors = watchdog_hand_over(self->watchdog);

    for (guint i = 0; i < descriptors->len; i++) {
        const WatchdogDescriptor *descriptor = descriptors->pdata[i];

        fd_store_keep(self->store, descriptor->name, descriptor->fd, FD_STORE_EXEC);
    }
}

void engine_watchdog_take_back(EngineWatchdog *self)
{
    g_autoptr(GPtrArray) descriptors = watchdog_hand_over(self->watchdog);

    /* What stays there would stay open when it is closed here. */
    for (guint i = 0; i < descriptors->len; i++) {
        const WatchdogDescriptor *descriptor = descriptors->pdata[i];

        if (g_str_has_prefix(descriptor->name, WATCHDOG_WDMD_PREFIX))
            fd_store_drop(self->store, descriptor->name);
    }
    watchdog_take_back(self->watchdog);
}

void engine_watchdog_inherit(EngineWatchdog *self)
{
    g_auto(GStrv) names = self->store != NULL ? fd_store_list_given(self->store) : NULL;

    watchdog_begin_to_adopt(self->watchdog);
    for (guint i = 0; names != NULL && names[i] != NULL; i++) {
        int fd = watchdog_knows_descriptor(names[i]) ? fd_store_take(self->store, names[i]) : -1;

        if (fd < 0)
            continue;
        if (g_str_has_prefix(names[i], WATCHDOG_WDMD_PREFIX))
            fd_store_drop(self->store, names[i]);
        watchdog_adopt(self->watchdog, names[i], fd);
    }
}

void engine_watchdog_inherited(EngineWatchdog *self)
{
    watchdog_adopted(self->watchdog);
}

gboolean engine_watchdog_check_hand_over(EngineWatchdog *self, GError **error)
{
    if (watchdog_get_kind(self->watchdog) != WATCHDOG_WDMD ||
        watchdog_get_state(self->watchdog) == WATCHDOG_STATE_IDLE)
        return TRUE;
    bailiff_set_error(
        error, BAILIFF_ERROR_UNSUPPORTED,
        "Have bailiffd execute itself anew (Manager.Reexecute() or SIGUSR1), or leave "
        "all lockspaces first.",
        "wdmd would reset this host: it takes the end of a process that it guards "
        "for its crash, whoever comes after it.");
    return FALSE;
}

gboolean engine_watchdog_check_setting(EngineWatchdog *self, const char *other, GError **error)
{
    WatchdogState state = watchdog_get_state(self->watchdog);

    if (state == WATCHDOG_STATE_DISARMED || state == WATCHDOG_STATE_IDLE ||
        g_str_equal(other, self->setting))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                      "Give it the same [watchdog] in its configuration, or leave all lockspaces "
                      "before.",
                      "The watchdog that runs is \"%s\", and the bailiffd that is to take over "
                      "would have \"%s\": nobody would feed it, and this host would be reset.",
                      self->setting, other);
    return FALSE;
}

const char *engine_watchdog_get_setting(EngineWatchdog *self)
{
    return self->setting;
}

void engine_watchdog_trouble(EngineWatchdog *self, const GError *error)
{
    g_free(self->trouble);
    self->trouble = error != NULL ? g_strdup(error->message) : NULL;
    on_changed(self);
}

void engine_watchdog_asked_for(EngineWatchdog *self, const GError *error)
{
    watchdog_lookout_note(self->lookout, error);
}

void engine_watchdog_joining(EngineWatchdog *self)
{
    if (self->state == WATCHDOG_STATE_DISARMED && !self->absence_told)
        tell(self, self->state);
    self->absence_told = TRUE;
}
