/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Forsaken lockspaces: who may use them, and what stands behind that.
 */
#include "engine/forsaken.h"

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "engine/engine-private.h"
#include "engine/held-record.h"
#include "engine/lockspace-past.h"
#include "engine/lockspace-private.h"
#include "engine/registration-private.h"
#include "engine/saved-lockspace.h"
#include "engine/saved-resource.h"
#include "failure/failure-policy.h"
#include "lease/lease-timing.h"

/* How often the watchdog is asked for again. */
#define RETRY_US (2 * USEC_PER_SECOND)

typedef struct Place Place;

/* A registration that may hold leases there. */
typedef struct User {
    Place *place;
    BailiffRegistration *registration;
    BailiffTarget *target;
    guint64 entry; /* of the kill guard; 0: there is nothing to kill at the moment */
} User;

/* One lockspace. */
struct Place {
    Forsaken *owner;
    char *name;
    guint64 fail_us;
    GPtrArray *users;   /* of User; who is gone is taken out */
    GArray *unreadable; /* of guint64: registrations; whose record was removed is taken out */
    guint64 kill_line;  /* 0: could not be had */
    WatchdogGuard *guard;
    gboolean is_guarding; /* it is asked for */
    BoottimeTimer *guard_timer;
};

struct Forsaken {
    BailiffEngine *engine;
    GPtrArray *places;
    GPtrArray *waiters; /* of GTask */
};

/* --- the last kill --------------------------------------------------------------------------- */

static gboolean is_ignored(const User *user)
{
    return bailiff_registration_get_policy_for(user->registration, user->place->name)
               ->steps[0]
               .action == FAILURE_ACTION_IGNORE;
}

static void cover(User *user)
{
    KillGuard *guard = bailiff_engine_get_kill_guard(user->place->owner->engine);
    guint64 old_entry = user->entry;
    const ProcessIdentity *process = bailiff_target_get_process(user->target);
    g_autoptr(GError) error = NULL;
    KillGuardTarget what;

    user->entry = 0;
    bailiff_target_fill_guard(user->target, &what);
    if (user->place->kill_line != 0 && !is_ignored(user) &&
        (what.pidfd >= 0 || what.cgroup_kill_fd >= 0)) {
        user->entry = kill_guard_add(guard, user->place->kill_line, &what, &error);
        if (user->entry == 0)
            log_message(MESSAGE_LAST_KILL_UNPREPARED,
                        LOG_SUBJECT(.lockspace = user->place->name,
                                    .pid = process != NULL ? process->pid : 0),
                        "The last kill cannot be prepared for %s: %s",
                        bailiff_target_get_description(user->target), error->message);
    }
    if (old_entry != 0)
        kill_guard_remove(guard, old_entry);
}

static void on_process_changed(BailiffTarget *target, User *user)
{
    cover(user);
}

static void prepare_last_kill(Place *self)
{
    KillGuard *guard = bailiff_engine_get_kill_guard(self->owner->engine);
    g_autoptr(GError) error = NULL;

    self->kill_line = kill_guard_add_line(guard, &error);
    if (self->kill_line != 0)
        kill_guard_set_line(guard, self->kill_line,
                            time_add(self->fail_us, time_from_seconds(FAILURE_BUDGET_SECONDS)));
    else
        log_message(MESSAGE_LAST_KILL_UNPREPARED, LOG_SUBJECT(.lockspace = self->name),
                    "The last kill cannot be prepared for lockspace %s: %s", self->name,
                    error->message);
    for (guint i = 0; i < self->users->len; i++)
        cover(self->users->pdata[i]);
}

/* --- the watchdog ---------------------------------------------------------------------------- */

/* By the deadline as it is assumed, without any time for what is killed now: the timer that the
 * earlier daemon has set goes by the true one, and is left as it is when this one is over. */
static void review_guard(Place *self)
{
    gboolean resets = self->unreadable->len > 0;

    for (guint i = 0; i < self->users->len; i++)
        resets = resets || !is_ignored(self->users->pdata[i]);
    if (self->guard == NULL)
        return;
    if (resets)
        watchdog_guard_failed(self->guard, self->fail_us);
    else
        watchdog_guard_excuse(self->guard);
}

typedef struct Wish {
    BailiffEngine *engine;
    char *name;
} Wish;

static Place *find(Forsaken *self, const char *name)
{
    for (guint i = 0; self != NULL && i < self->places->len; i++)
        if (g_str_equal(((Place *)self->places->pdata[i])->name, name))
            return self->places->pdata[i];
    return NULL;
}

static void on_guarded(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Wish *wish = user_data;
    Place *self = find(bailiff_engine_get_forsaken(wish->engine), wish->name);
    g_autoptr(GError) error = NULL;
    g_autoptr(WatchdogGuard) guard = watchdog_guard_finish(result, &error);

    if (self != NULL) {
        self->is_guarding = FALSE;
        self->guard = g_steal_pointer(&guard);
        engine_watchdog_trouble(bailiff_engine_get_watchdog(wish->engine),
                                self->guard == NULL ? error : NULL);
        if (self->guard == NULL)
            boottime_timer_set(self->guard_timer, time_add(boottime_now(), RETRY_US));
        review_guard(self);
    }
    g_object_unref(wish->engine);
    g_free(wish->name);
    g_free(wish);
}

static void guard(gpointer place)
{
    Place *self = place;
    BailiffEngine *engine = self->owner->engine;
    Watchdog *watchdog = engine_watchdog_get(bailiff_engine_get_watchdog(engine));
    Wish *wish;

    if (watchdog_get_kind(watchdog) == WATCHDOG_NONE || self->guard != NULL || self->is_guarding)
        return;
    wish = g_new(Wish, 1);
    *wish = (Wish){ g_object_ref(engine), g_strdup(self->name) };
    self->is_guarding = TRUE;
    /* wdmd only shows what follows from the io timeout, and that is not known. */
    watchdog_guard_async(watchdog, self->name, IO_TIMEOUT_DEFAULT, self->fail_us, on_guarded, wish);
}

/* --- its end --------------------------------------------------------------------------------- */

static void user_free(gpointer data)
{
    User *user = data;
    KillGuard *guard = bailiff_engine_get_kill_guard(user->place->owner->engine);

    if (user->entry != 0)
        kill_guard_remove(guard, user->entry);
    g_signal_handlers_disconnect_by_data(user->target, user);
    g_signal_handlers_disconnect_by_data(user->registration, user);
    g_object_unref(user->target);
    g_object_unref(user->registration);
    g_free(user);
}

static void place_free(gpointer data)
{
    Place *self = data;
    KillGuard *kill_guard = bailiff_engine_get_kill_guard(self->owner->engine);

    g_ptr_array_unref(self->users);
    if (self->kill_line != 0)
        kill_guard_remove_line(kill_guard, self->kill_line);
    boottime_timer_free(self->guard_timer);
    g_array_unref(self->unreadable);
    g_free(self->name);
    g_free(self);
}

static void remove_files(Place *self)
{
    const char *runtime_dir = bailiff_engine_get_runtime_dir(self->owner->engine);
    BailiffLockspace *lockspace = bailiff_engine_find_lockspace(self->owner->engine, self->name);
    g_auto(GStrv) names = saved_resources_list(runtime_dir, self->name);

    /* What could be taken over of it sees to its own files. */
    for (guint i = 0; names[i] != NULL; i++)
        if (lockspace == NULL || bailiff_lockspace_find_resource(lockspace, names[i]) == NULL)
            saved_resource_remove(runtime_dir, self->name, names[i]);
    if (lockspace == NULL)
        saved_lockspace_remove(runtime_dir, self->name);
}

static void answer_waiters(Forsaken *self)
{
    for (guint i = 0; i < self->places->len; i++)
        if (((Place *)self->places->pdata[i])->users->len > 0)
            return;
    for (guint i = 0; i < self->waiters->len; i++)
        g_task_return_boolean(self->waiters->pdata[i], TRUE);
    g_ptr_array_set_size(self->waiters, 0);
}

static void consider_end(Place *self)
{
    Forsaken *owner = self->owner;

    if (self->users->len == 0 && self->unreadable->len == 0) {
        log_line(LOG_NOTICE, LOG_SUBJECT(.lockspace = self->name),
                 "Of those who may have held leases in lockspace %s nobody is left.", self->name);
        remove_files(self);
        g_clear_pointer(&self->guard, watchdog_guard_free);
        g_ptr_array_remove(owner->places, self);
    } else {
        review_guard(self);
    }
    answer_waiters(owner);
    bailiff_engine_forsaken_changed(owner->engine);
}

static void on_state(BailiffRegistration *registration, GParamSpec *spec, User *user)
{
    Place *self = user->place;

    if (bailiff_registration_get_state(registration) == BAILIFF_REGISTRATION_FAILING)
        return;
    g_ptr_array_remove_fast(self->users, user);
    consider_end(self);
}

gboolean forsaken_acknowledge(Forsaken *self, const GArray *never_there)
{
    const char *runtime_dir = bailiff_engine_get_runtime_dir(self->engine);
    gboolean any = FALSE;

    for (guint i = self->places->len; i-- > 0;) {
        Place *place = self->places->pdata[i];

        gboolean changed = held_records_drop_removed(runtime_dir, place->unreadable, never_there);

        any = any || place->unreadable->len > 0;
        if (changed)
            consider_end(place); /* may free it */
    }
    return any;
}

/* --- its beginning --------------------------------------------------------------------------- */

/* A minute before another host may have what was held; TIME_NEVER: not known. */
static guint64 written_fail_time(Forsaken *self, const char *lockspace, guint64 now_us)
{
    guint64 free_us =
        lockspace_past_find_free(bailiff_engine_get_runtime_dir(self->engine), lockspace);

    /* No io timeout makes such a long term. */
    if (free_us == 0 || free_us > time_add(now_us, timing_free(IO_TIMEOUT_MAX)))
        return TIME_NEVER;
    return time_since(free_us, time_from_seconds(WATCHDOG_FIRE_SECONDS));
}

/* The earliest of what is known: by the lockspace, by what is written beside it, by the daemon
 * before this one, which had to assume it too. */
static guint64 assumed_fail_time(Forsaken *self, const char *lockspace, guint64 known_us,
                                 GPtrArray *registrations)
{
    guint64 now_us = boottime_now();
    guint64 fail_us = MIN(known_us, written_fail_time(self, lockspace, now_us));

    for (guint i = 0; i < registrations->len; i++)
        fail_us =
            MIN(fail_us, bailiff_registration_get_saved_fail(registrations->pdata[i], lockspace));
    return fail_us != TIME_NEVER ? MIN(fail_us, now_us)
                                 : time_since(now_us, time_from_seconds(WATCHDOG_FIRE_SECONDS));
}

static void add_user(Place *self, BailiffRegistration *registration)
{
    User *user = g_new0(User, 1);

    user->place = self;
    user->registration = g_object_ref(registration);
    user->target = g_object_ref(bailiff_registration_get_target(registration));
    g_signal_connect(user->target, "process-changed", G_CALLBACK(on_process_changed), user);
    g_ptr_array_add(self->users, user);
}

/* Only now: one that has ended already is gone in that moment. */
static void start_failing(Place *self)
{
    g_autoptr(GPtrArray) users = g_ptr_array_new();

    for (guint i = 0; i < self->users->len; i++)
        g_ptr_array_add(users, self->users->pdata[i]);
    for (guint i = 0; i < users->len; i++) {
        User *user = users->pdata[i];

        bailiff_registration_forsake(user->registration, self->name, self->fail_us);
        g_signal_connect(user->registration, "notify::state", G_CALLBACK(on_state), user);
    }
    for (guint i = 0; i < users->len; i++)
        on_state(((User *)users->pdata[i])->registration, NULL, users->pdata[i]);
}

gboolean forsaken_add(Forsaken *self, const char *lockspace, guint64 fail_us,
                      GPtrArray *registrations, GArray *unreadable)
{
    Place *place;

    if (registrations->len == 0 && unreadable->len == 0)
        return FALSE;
    place = g_new0(Place, 1);
    place->owner = self;
    place->name = g_strdup(lockspace);
    place->fail_us = assumed_fail_time(self, lockspace, fail_us, registrations);
    place->users = g_ptr_array_new_with_free_func(user_free);
    place->unreadable = g_array_copy(unreadable);
    place->guard_timer = boottime_timer_new(guard, place);
    for (guint i = 0; i < registrations->len; i++)
        add_user(place, registrations->pdata[i]);
    log_message(MESSAGE_LOCKSPACE_FORSAKEN, LOG_SUBJECT(.lockspace = lockspace),
                "What is held in lockspace %s is not known. Everybody who may use it is stopped: "
                "registrations that are known: %u, that cannot be read, and stay: %u.",
                lockspace, registrations->len, unreadable->len);
    g_ptr_array_add(self->places, place);
    prepare_last_kill(place);
    guard(place);
    start_failing(place);
    return TRUE;
}

Forsaken *forsaken_new(BailiffEngine *engine)
{
    Forsaken *self = g_new0(Forsaken, 1);

    self->engine = engine;
    self->places = g_ptr_array_new_with_free_func(place_free);
    self->waiters = g_ptr_array_new_with_free_func(g_object_unref);
    return self;
}

void forsaken_free(Forsaken *self)
{
    /* Of their guards only the memory: what they guard is not safe. */
    for (guint i = 0; i < self->places->len; i++)
        g_clear_pointer(&((Place *)self->places->pdata[i])->guard, watchdog_guard_forget);
    g_ptr_array_unref(self->places);
    g_ptr_array_unref(self->waiters);
    g_free(self);
}

gboolean forsaken_has(Forsaken *self, const char *lockspace)
{
    return find(self, lockspace) != NULL;
}

/* --- looking --------------------------------------------------------------------------------- */

gboolean forsaken_check_join(Forsaken *self, const char *lockspace, GError **error)
{
    Place *place = find(self, lockspace);
    g_autoptr(GString) names = g_string_new(NULL);

    if (place == NULL)
        return TRUE;
    for (guint i = 0; i < place->users->len; i++) {
        BailiffRegistration *registration = ((User *)place->users->pdata[i])->registration;

        g_string_append_printf(names, "%s%s (%s)", names->len > 0 ? ", " : "",
                               bailiff_registration_get_name(registration),
                               bailiff_registration_describe(registration));
    }
    for (guint i = 0; i < place->unreadable->len; i++)
        g_string_append_printf(names, "%swhoever %s/held/%" G_GUINT64_FORMAT " is about",
                               names->len > 0 ? ", " : "",
                               bailiff_engine_get_runtime_dir(self->engine),
                               g_array_index(place->unreadable, guint64, i));
    bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                      "Wait until they are stopped, then join again; remove a file that cannot be "
                      "read when you have made sure that nothing which it may tell of still runs.",
                      "Leases of lockspace %s that an earlier bailiffd gave may still be used by "
                      "%s.",
                      lockspace, names->str);
    return FALSE;
}

char **forsaken_list(Forsaken *self)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();

    for (guint i = 0; i < self->places->len; i++)
        g_strv_builder_add(names, ((Place *)self->places->pdata[i])->name);
    return g_strv_builder_end(names);
}

guint forsaken_count_users(Forsaken *self)
{
    guint count = 0;

    for (guint i = 0; i < self->places->len; i++) {
        Place *place = self->places->pdata[i];

        count += place->users->len + place->unreadable->len;
    }
    return count;
}

void forsaken_wait_async(Forsaken *self, GAsyncReadyCallback callback, gpointer user_data)
{
    GTask *task = g_task_new(self->engine, NULL, callback, user_data);

    g_ptr_array_add(self->waiters, task);
    answer_waiters(self);
}

gboolean forsaken_wait_finish(GAsyncResult *result)
{
    return g_task_propagate_boolean(G_TASK(result), NULL);
}
