/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The main loop's side: guards, and what is known of them. The thread's is in watchdog-feeder.c.
 */
#include "watchdog/watchdog.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <glib-unix.h>

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "failure/reset-plan.h"
#include "watchdog/watchdog-feeder.h"

struct WatchdogGuard {
    Watchdog *watchdog;
    guint entry;
    gboolean has_failed;
};

struct Watchdog {
    gint n_refs; /* the owner's, and one for each guard that is asked for */
    gboolean is_freed;
    WatchdogKind kind;
    FdStore *store; /* may be NULL */
    WatchdogChanged changed;
    gpointer user_data;

    WatchdogGuard *guards[WATCHDOG_MAX_GUARDS]; /* NULL: a free place */
    gboolean is_taken[WATCHDOG_MAX_GUARDS];     /* also while it is asked for */
    WatchdogFindings findings;
    gboolean is_adopting; /* or handed over: the thread is not to run */
    gboolean is_wanted;   /* when that is over, the thread is */
    GPtrArray *leftovers; /* of WatchdogDescriptor: adopted, of another kind */
    GSource *notify_source;
    WatchdogFeeder feeder;
};

static const char *const kind_names[WATCHDOG_KIND_COUNT] = {
    [WATCHDOG_NONE] = "none",
    [WATCHDOG_DEVICE] = "device",
    [WATCHDOG_WDMD] = "wdmd",
};

static const char *const state_names[WATCHDOG_STATE_COUNT] = {
    [WATCHDOG_STATE_DISARMED] = "disarmed", [WATCHDOG_STATE_IDLE] = "idle",
    [WATCHDOG_STATE_ARMED] = "armed",       [WATCHDOG_STATE_FIRING] = "firing",
    [WATCHDOG_STATE_FAILED] = "failed",
};

const char *watchdog_kind_name(WatchdogKind kind)
{
    return kind_names[kind];
}

WatchdogKind watchdog_kind_parse(const char *name)
{
    WatchdogKind kind = WATCHDOG_NONE;

    while (kind < WATCHDOG_KIND_COUNT && strcmp(name, kind_names[kind]) != 0)
        kind++;
    return kind;
}

const char *watchdog_state_name(WatchdogState state)
{
    return state_names[state];
}

static gboolean on_notified(int fd, GIOCondition condition, gpointer user_data)
{
    Watchdog *self = user_data;

    if (watchdog_feeder_read(&self->feeder, &self->findings))
        self->changed(self->user_data);
    return G_SOURCE_CONTINUE;
}

static gboolean ensure_thread(Watchdog *self, GError **error)
{
    self->is_wanted = self->is_wanted || self->is_adopting;
    return self->is_adopting || watchdog_feeder_start(&self->feeder, error);
}

static void free_descriptor(gpointer data)
{
    WatchdogDescriptor *descriptor = data;

    g_free(descriptor->name);
    g_free(descriptor);
}

void watchdog_add_descriptor(GPtrArray *descriptors, const char *name, int fd)
{
    WatchdogDescriptor *descriptor = g_new0(WatchdogDescriptor, 1);

    descriptor->name = g_strdup(name);
    descriptor->fd = fd;
    g_ptr_array_add(descriptors, descriptor);
}

static WatchdogBackend *new_backend(const WatchdogConfig *config)
{
    switch (config->kind) {
    case WATCHDOG_DEVICE:
        return watchdog_device_new(
            config->device != NULL ? config->device : WATCHDOG_DEVICE_DEFAULT,
            config->timeout != 0 ? config->timeout : WATCHDOG_TIMEOUT_DEFAULT, config->store);
    case WATCHDOG_WDMD:
        return watchdog_wdmd_new(config->socket != NULL ? config->socket : WATCHDOG_SOCKET_DEFAULT);
    case WATCHDOG_NONE:
    case WATCHDOG_KIND_COUNT:
        break;
    }
    return NULL;
}

Watchdog *watchdog_new(const WatchdogConfig *config, WatchdogChanged changed, gpointer user_data,
                       GError **error)
{
    Watchdog *self = g_new0(Watchdog, 1);

    self->n_refs = 1;
    self->kind = config->kind;
    self->store = config->store;
    self->changed = changed;
    self->user_data = user_data;
    self->leftovers = g_ptr_array_new_with_free_func(free_descriptor);
    if (!watchdog_feeder_init(&self->feeder, new_backend(config), error)) {
        watchdog_free(self);
        return NULL;
    }
    self->notify_source = g_unix_fd_source_new(self->feeder.notify_fd, G_IO_IN);
    g_source_set_callback(self->notify_source, G_SOURCE_FUNC(on_notified), self, NULL);
    g_source_attach(self->notify_source, g_main_context_get_thread_default());
    return self;
}

static void watchdog_unref(gpointer data)
{
    Watchdog *self = data;

    if (!g_atomic_int_dec_and_test(&self->n_refs))
        return;
    g_ptr_array_unref(self->leftovers);
    watchdog_findings_clear(&self->findings);
    g_free(self);
}

void watchdog_free(Watchdog *self)
{
    if (self == NULL)
        return;
    self->is_freed = TRUE;
    if (self->notify_source != NULL) {
        g_source_destroy(self->notify_source);
        g_source_unref(self->notify_source);
    }
    watchdog_feeder_clear(&self->feeder, self->is_adopting);
    watchdog_unref(self);
}

WatchdogKind watchdog_get_kind(Watchdog *self)
{
    return self->kind;
}

WatchdogState watchdog_get_state(Watchdog *self)
{
    gboolean has_failed = FALSE, has_any = FALSE;

    if (self->kind == WATCHDOG_NONE)
        return WATCHDOG_STATE_DISARMED;
    for (guint i = 0; i < WATCHDOG_MAX_GUARDS; i++) {
        has_any |= self->guards[i] != NULL;
        has_failed |= self->guards[i] != NULL && self->guards[i]->has_failed;
    }
    if (self->findings.trouble != NULL)
        return WATCHDOG_STATE_FAILED;
    if (!has_any)
        return WATCHDOG_STATE_IDLE;
    return has_failed ? WATCHDOG_STATE_FIRING : WATCHDOG_STATE_ARMED;
}

const char *watchdog_get_reason(Watchdog *self)
{
    return self->findings.trouble != NULL ? self->findings.trouble : "";
}

const char *watchdog_get_description(Watchdog *self)
{
    return self->findings.description != NULL ? self->findings.description : "";
}

gboolean watchdog_check_io_timeout(Watchdog *self, guint32 io_timeout, char **ret_warning,
                                   GError **error)
{
    *ret_warning = NULL;
    return self->kind != WATCHDOG_WDMD ||
           watchdog_wdmd_check_io_timeout(io_timeout, ret_warning, error);
}

/* --- guards ---------------------------------------------------------------------------------- */

static gboolean take_place(Watchdog *self, guint *ret_entry, GError **error)
{
    for (guint i = 0; i < WATCHDOG_MAX_GUARDS; i++)
        if (!self->is_taken[i]) {
            self->is_taken[i] = TRUE;
            *ret_entry = i;
            return TRUE;
        }
    bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Leave lockspaces that are not needed.",
                      "The watchdog has room for %u lockspaces.", WATCHDOG_MAX_GUARDS);
    return FALSE;
}

/* A place that is asked for. */
typedef struct Wish {
    Watchdog *watchdog;
    guint entry; /* WATCHDOG_MAX_GUARDS: none */
} Wish;

static void wish_free(gpointer data)
{
    Wish *wish = data;

    watchdog_unref(wish->watchdog);
    g_free(wish);
}

void watchdog_guard_async(Watchdog *self, const char *lockspace, guint32 io_timeout,
                          guint64 fail_us, GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, user_data);
    Wish *wish = g_new0(Wish, 1);
    GError *error = NULL;

    *wish = (Wish){ .watchdog = self, .entry = WATCHDOG_MAX_GUARDS };
    g_atomic_int_inc(&self->n_refs);
    g_task_set_source_tag(task, watchdog_guard_async);
    g_task_set_task_data(task, wish, wish_free);
    if (self->kind == WATCHDOG_NONE) {
        g_task_return_boolean(task, TRUE);
        return;
    }
    if (!ensure_thread(self, &error) || !take_place(self, &wish->entry, &error)) {
        g_task_return_error(task, error);
        return;
    }
    atomic_store(&self->feeder.fail_times[wish->entry], fail_us);
    const WatchdogRequest request = {
        .kind = WATCHDOG_REQUEST_GUARD,
        .entry = wish->entry,
        .lockspace = g_strdup(lockspace),
        .io_timeout = io_timeout,
        .task = g_steal_pointer(&task),
    };
    watchdog_feeder_ask(&self->feeder, &request);
}

WatchdogGuard *watchdog_guard_finish(GAsyncResult *result, GError **error)
{
    const Wish *wish = g_task_get_task_data(G_TASK(result));
    Watchdog *self = wish->watchdog;
    WatchdogGuard *guard;

    if (!g_task_propagate_boolean(G_TASK(result), error)) {
        if (wish->entry < WATCHDOG_MAX_GUARDS)
            self->is_taken[wish->entry] = FALSE;
        return NULL;
    }
    if (self->is_freed) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Try again later.",
                          "The watchdog is given up.");
        return NULL;
    }
    guard = g_new0(WatchdogGuard, 1);
    guard->watchdog = self;
    guard->entry = wish->entry;
    if (wish->entry < WATCHDOG_MAX_GUARDS)
        self->guards[wish->entry] = guard;
    (void)watchdog_feeder_read(&self->feeder, &self->findings);
    self->changed(self->user_data);
    return guard;
}

static gboolean is_guarding(const WatchdogGuard *guard)
{
    return guard->entry < WATCHDOG_MAX_GUARDS;
}

void watchdog_guard_confirm_async(WatchdogGuard *guard, guint64 fail_us,
                                  GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, user_data);

    g_task_set_source_tag(task, watchdog_guard_confirm_async);
    if (!is_guarding(guard)) {
        g_task_return_boolean(task, TRUE);
        return;
    }
    atomic_store(&guard->watchdog->feeder.fail_times[guard->entry], fail_us);
    const WatchdogRequest request = {
        .kind = WATCHDOG_REQUEST_CONFIRM,
        .entry = guard->entry,
        .task = g_steal_pointer(&task),
    };
    watchdog_feeder_ask(&guard->watchdog->feeder, &request);
}

gboolean watchdog_guard_confirm_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

void watchdog_guard_renewed(WatchdogGuard *guard, guint64 fail_us)
{
    if (!is_guarding(guard))
        return;
    atomic_store(&guard->watchdog->feeder.fail_times[guard->entry], fail_us);
    watchdog_feeder_wake(&guard->watchdog->feeder);
}

void watchdog_guard_failed(WatchdogGuard *guard, guint64 fail_us)
{
    if (!is_guarding(guard) || guard->has_failed)
        return;
    guard->has_failed = TRUE;
    watchdog_guard_renewed(guard, fail_us);
    guard->watchdog->changed(guard->watchdog->user_data);
}

void watchdog_guard_excuse(WatchdogGuard *guard)
{
    watchdog_guard_renewed(guard, RESET_SAFE);
    if (guard->has_failed) {
        guard->has_failed = FALSE;
        guard->watchdog->changed(guard->watchdog->user_data);
    }
}

void watchdog_guard_free(WatchdogGuard *guard)
{
    Watchdog *self;

    if (guard == NULL)
        return;
    self = guard->watchdog;
    if (is_guarding(guard)) {
        atomic_store(&self->feeder.fail_times[guard->entry], RESET_SAFE);
        const WatchdogRequest request = { .kind = WATCHDOG_REQUEST_RELEASE, .entry = guard->entry };

        watchdog_feeder_ask(&self->feeder, &request);
        self->guards[guard->entry] = NULL;
        self->is_taken[guard->entry] = FALSE;
        self->changed(self->user_data);
    }
    g_free(guard);
}

void watchdog_guard_forget(WatchdogGuard *guard)
{
    g_free(guard);
}

/* --- giving way ------------------------------------------------------------------------------ */

GPtrArray *watchdog_hand_over(Watchdog *self)
{
    GPtrArray *descriptors = g_ptr_array_new_with_free_func(free_descriptor);

    watchdog_feeder_stop(&self->feeder);
    self->is_adopting = TRUE;
    if (self->feeder.backend != NULL)
        self->feeder.backend->class->list(self->feeder.backend, descriptors);
    return descriptors;
}

void watchdog_take_back(Watchdog *self)
{
    self->is_adopting = FALSE;
    /* A thread can be had again where one was given up a moment ago; else the timer runs. */
    if (self->feeder.backend != NULL)
        (void)ensure_thread(self, NULL);
}

void watchdog_begin_to_adopt(Watchdog *self)
{
    self->is_adopting = TRUE;
}

void watchdog_adopt(Watchdog *self, const char *name, int fd)
{
    watchdog_begin_to_adopt(self);
    self->is_wanted = TRUE;
    if (self->feeder.backend == NULL ||
        !self->feeder.backend->class->adopt(self->feeder.backend, name, fd))
        watchdog_add_descriptor(self->leftovers, name, fd);
}

gboolean watchdog_knows_descriptor(const char *name)
{
    return g_str_equal(name, WATCHDOG_DEVICE_DESCRIPTOR) ||
           g_str_has_prefix(name, WATCHDOG_WDMD_PREFIX);
}

static void disarm_leftover(Watchdog *self, const WatchdogDescriptor *descriptor)
{
    if (g_str_has_prefix(descriptor->name, WATCHDOG_WDMD_PREFIX))
        watchdog_wdmd_disarm(descriptor->fd);
    else
        watchdog_device_disarm(descriptor->fd, self->store);
}

void watchdog_adopted(Watchdog *self)
{
    g_autoptr(GError) error = NULL;

    if (!self->is_adopting)
        return;
    self->is_adopting = FALSE;
    if (self->feeder.backend != NULL && self->is_wanted && !ensure_thread(self, &error))
        watchdog_feeder_refuse(&self->feeder, error);
    self->is_wanted = FALSE;
    for (guint i = 0; i < self->leftovers->len; i++)
        disarm_leftover(self, self->leftovers->pdata[i]);
    g_ptr_array_set_size(self->leftovers, 0);
}
