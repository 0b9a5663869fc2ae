/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Joining lost lockspaces again.
 */
#include "engine/rejoin.h"

#include "base/checked-time.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "engine/engine-private.h"
#include "engine/lockspace.h"
#include "engine/registration-private.h"

#define DELAY_MAX_SECONDS 60u

typedef struct Attempt {
    Rejoin *rejoin;
    char *name;
    guint delay_seconds; /* before the next one */
    BoottimeTimer *timer;
} Attempt;

struct Rejoin {
    BailiffEngine *engine;
    GHashTable *attempts; /* name -> Attempt */
};

static void attempt_free(gpointer data)
{
    Attempt *attempt = data;

    boottime_timer_free(attempt->timer);
    g_free(attempt->name);
    g_free(attempt);
}

Rejoin *rejoin_new(BailiffEngine *engine)
{
    Rejoin *self = g_new0(Rejoin, 1);

    self->engine = engine;
    self->attempts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, attempt_free);
    return self;
}

void rejoin_free(Rejoin *self)
{
    g_hash_table_unref(self->attempts);
    g_free(self);
}

static gboolean is_wanted(Rejoin *self, const char *name)
{
    g_autoptr(GPtrArray) registrations = bailiff_engine_list_registrations(self->engine);

    for (guint i = 0; i < registrations->len; i++)
        if (bailiff_registration_wants_lockspace(registrations->pdata[i], name))
            return TRUE;
    return FALSE;
}

static void arm(Attempt *attempt)
{
    boottime_timer_set(attempt->timer,
                       time_add(boottime_now(), time_from_seconds(attempt->delay_seconds)));
    attempt->delay_seconds = MIN(2 * attempt->delay_seconds, DELAY_MAX_SECONDS);
}

static void on_timer(gpointer user_data)
{
    Attempt *attempt = user_data;
    BailiffEngine *engine = attempt->rejoin->engine;
    BailiffLockspace *lost = bailiff_engine_find_lockspace(engine, attempt->name);
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;

    if (lost == NULL || bailiff_lockspace_get_state(lost) != BAILIFF_LOCKSPACE_LOST ||
        bailiff_engine_is_shutting_down(engine) || !is_wanted(attempt->rejoin, attempt->name)) {
        g_hash_table_remove(attempt->rejoin->attempts, attempt->name);
        return;
    }
    path = g_strdup(bailiff_lockspace_get_path(lost));
    guint64 host_id = bailiff_lockspace_get_host_id(lost);
    gboolean chooses = bailiff_lockspace_get_chooses_host_id(lost);
    log_message(MESSAGE_LOCKSPACE_REJOINING, LOG_SUBJECT(.lockspace = attempt->name),
                "Lockspace %s is joined again, for those who wait for it.", attempt->name);
    /* What begins now tells by its states how it goes on. */
    arm(attempt);
    const BailiffJoin join = {
        .name = attempt->name,
        .path = path,
        .offset = bailiff_lockspace_get_offset(lost),
        .host_id = chooses ? 0 : host_id,
        .kept_host_id = host_id,
        .io_timeout = bailiff_lockspace_get_io_timeout(lost),
    };
    if (bailiff_engine_join_as(engine, &join, &error) == NULL)
        log_line(LOG_WARNING, LOG_SUBJECT(.lockspace = attempt->name),
                 "Lockspace %s could not be joined again yet: %s", attempt->name, error->message);
}

static void begin(Rejoin *self, const char *name)
{
    Attempt *attempt = g_hash_table_lookup(self->attempts, name);

    if (attempt == NULL) {
        attempt = g_new0(Attempt, 1);
        attempt->rejoin = self;
        attempt->name = g_strdup(name);
        attempt->delay_seconds = 1;
        attempt->timer = boottime_timer_new(on_timer, attempt);
        g_hash_table_insert(self->attempts, attempt->name, attempt);
    }
    arm(attempt);
}

void rejoin_lockspace_changed(Rejoin *self, BailiffLockspace *lockspace)
{
    const char *name = bailiff_lockspace_get_name(lockspace);
    BailiffLockspaceState state = bailiff_lockspace_get_state(lockspace);

    if (state == BAILIFF_LOCKSPACE_HELD)
        g_hash_table_remove(self->attempts, name);
    else if (state == BAILIFF_LOCKSPACE_LOST && is_wanted(self, name))
        begin(self, name);
}
