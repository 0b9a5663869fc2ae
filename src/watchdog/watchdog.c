/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The main loop's side, and the thread.
 *
 *   main loop                                   thread
 *   ---------                                   ------
 *   deadline of an entry (atomic), wake  ────►  copies all deadlines, feeds
 *   guard, confirm, release: queue, wake ────►  one after the other, in their order, then feeds
 *   the GTask's callback                 ◄────  answers
 *   changed()                            ◄────  notes what is the matter, notify_fd
 *
 * A place in the table is free again once its release is queued: who takes it next comes after
 * that.
 */
#include "watchdog/watchdog.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <glib-unix.h>

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "failure/reset-plan.h"
#include "watchdog/watchdog-backend.h"

/* After a feed that did not work. */
#define RETRY_US USEC_PER_SECOND

typedef enum RequestKind {
    REQUEST_GUARD,
    REQUEST_CONFIRM,
    REQUEST_RELEASE,
    REQUEST_STOP,
} RequestKind;

typedef struct Request {
    RequestKind kind;
    guint entry;
    char *lockspace;
    guint32 io_timeout;
    GTask *task; /* who is answered; NULL: nobody */
} Request;

/* What the thread has found out, for the main loop. */
typedef struct Findings {
    char *trouble; /* "cause\ncure"; NULL: it is fed */
    char *description;
} Findings;

struct WatchdogGuard {
    Watchdog *watchdog;
    guint entry;
    gboolean has_failed;
};

struct Watchdog {
    WatchdogKind kind;
    WatchdogChanged changed;
    gpointer user_data;

    /* Main loop. */
    WatchdogGuard *guards[WATCHDOG_MAX_GUARDS]; /* NULL: a free place */
    gboolean is_taken[WATCHDOG_MAX_GUARDS];     /* also while it is asked for */
    Findings findings;
    gboolean is_adopting;
    GPtrArray *leftovers; /* of WatchdogDescriptor: adopted, of another kind */
    GThread *thread;
    GSource *notify_source;
    int notify_fd;

    /* Both. */
    GAsyncQueue *requests;
    GMutex lock; /* of `news`: held for a few instructions */
    Findings news;
    _Atomic guint64 fail_times[WATCHDOG_MAX_GUARDS];
    int wake_fd;

    /* Thread. */
    WatchdogBackend *backend;
    WatchdogEntry entries[WATCHDOG_MAX_GUARDS];
    guint n_entries;
    guint n_used;
    gboolean is_armed;
    gboolean is_settled;
    int timer_fd;
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

/* --- the thread ------------------------------------------------------------------------------ */

static void wake(int fd)
{
    const guint64 one = 1;

    /* It can only fail when it is readable anyway. */
    if (write(fd, &one, sizeof one) < 0)
        return;
}

static void sleep_until(Watchdog *self, guint64 when_us)
{
    struct pollfd fds[] = { { .fd = self->timer_fd, .events = POLLIN },
                            { .fd = self->wake_fd, .events = POLLIN } };
    struct itimerspec timer = { { 0, 0 }, { 0, 0 } };
    guint64 count;

    if (when_us != TIME_NEVER) {
        timer.it_value.tv_sec = (time_t)(when_us / USEC_PER_SECOND);
        timer.it_value.tv_nsec = (long)(when_us % USEC_PER_SECOND) * 1000 + 1;
    }
    (void)timerfd_settime(self->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
    (void)poll(fds, G_N_ELEMENTS(fds), -1);
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
        if (read(fds[i].fd, &count, sizeof count) < 0)
            count = 0;
}

static void publish(Watchdog *self, const GError *trouble)
{
    g_autofree char *description = self->backend->class->describe(self->backend);
    const char *text = trouble != NULL ? trouble->message : NULL;
    gboolean differs;

    g_mutex_lock(&self->lock);
    differs = g_strcmp0(self->news.trouble, text) != 0 ||
              g_strcmp0(self->news.description, description) != 0;
    if (differs) {
        g_free(self->news.trouble);
        g_free(self->news.description);
        self->news.trouble = g_strdup(text);
        self->news.description = g_steal_pointer(&description);
    }
    g_mutex_unlock(&self->lock);
    if (differs)
        wake(self->notify_fd);
}

static void copy_deadlines(Watchdog *self)
{
    for (guint i = 0; i < self->n_entries; i++)
        self->entries[i].fail_us = atomic_load(&self->fail_times[i]);
}

static guint64 feed(Watchdog *self)
{
    const WatchdogBackendClass *class = self->backend->class;
    g_autoptr(GError) error = NULL;
    guint64 next_us = TIME_NEVER;

    copy_deadlines(self);
    if (self->n_used > 0) {
        self->is_armed = TRUE;
        if (!class->feed(self->backend, &next_us, &error))
            next_us = MIN(next_us, time_add(boottime_now(), RETRY_US));
    } else if (self->is_armed) {
        self->is_armed = FALSE;
        (void)class->disarm(self->backend, &error);
    }
    publish(self, error);
    return next_us;
}

static void answer(Request *request, gboolean worked, GError *error)
{
    if (request->task == NULL)
        g_clear_error(&error);
    else if (worked)
        g_task_return_boolean(request->task, TRUE);
    else
        g_task_return_error(request->task, error);
}

static void request_free(Request *request)
{
    g_clear_object(&request->task);
    g_free(request->lockspace);
    g_free(request);
}

static void start_entry(Watchdog *self, Request *request)
{
    WatchdogEntry *entry = &self->entries[request->entry];
    GError *error = NULL;
    gboolean worked;

    g_free(entry->lockspace);
    entry->lockspace = g_steal_pointer(&request->lockspace);
    entry->io_timeout = request->io_timeout;
    self->n_entries = MAX(self->n_entries, request->entry + 1);
    worked = self->backend->class->guard(self->backend, request->entry, &error);
    entry->is_used = worked;
    self->n_used += worked ? 1 : 0;
    self->is_armed |= worked;
    answer(request, worked, error);
}

static void end_entry(Watchdog *self, guint at)
{
    WatchdogEntry *entry = &self->entries[at];

    if (!entry->is_used)
        return;
    self->backend->class->release(self->backend, at);
    entry->is_used = FALSE;
    self->n_used--;
    g_clear_pointer(&entry->lockspace, g_free);
}

/* Fed first: what is confirmed is the deadline of now. */
static void confirm_entry(Watchdog *self, Request *request)
{
    const WatchdogBackendClass *class = self->backend->class;
    GError *error = NULL;
    guint64 next_us;
    gboolean worked;

    copy_deadlines(self);
    worked = class->feed(self->backend, &next_us, &error) &&
             class->confirm(self->backend, request->entry, &error);
    answer(request, worked, error);
}

/* FALSE: it is to end. */
static gboolean work_on_requests(Watchdog *self)
{
    Request *request;

    while ((request = g_async_queue_try_pop(self->requests)) != NULL) {
        gboolean stop = request->kind == REQUEST_STOP;

        if (request->kind == REQUEST_GUARD)
            start_entry(self, request);
        else if (request->kind == REQUEST_CONFIRM)
            confirm_entry(self, request);
        else if (request->kind == REQUEST_RELEASE)
            end_entry(self, request->entry);
        request_free(request);
        if (stop)
            return FALSE;
    }
    return TRUE;
}

static gpointer run(gpointer data)
{
    Watchdog *self = data;
    gboolean goes_on;
    sigset_t all;

    /* Signals are for the main loop. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    do {
        guint64 next_us;

        goes_on = work_on_requests(self);
        if (!self->is_settled)
            self->backend->class->settle(self->backend);
        self->is_settled = TRUE;
        next_us = feed(self);
        if (goes_on)
            sleep_until(self, next_us);
    } while (goes_on);
    return NULL;
}

/* --- the main loop's side -------------------------------------------------------------------- */

static gboolean on_notified(int fd, GIOCondition condition, gpointer user_data)
{
    Watchdog *self = user_data;
    guint64 count;

    if (read(fd, &count, sizeof count) < 0)
        return G_SOURCE_CONTINUE;
    g_mutex_lock(&self->lock);
    g_free(self->findings.trouble);
    g_free(self->findings.description);
    self->findings.trouble = g_strdup(self->news.trouble);
    self->findings.description = g_strdup(self->news.description);
    g_mutex_unlock(&self->lock);
    self->changed(self->user_data);
    return G_SOURCE_CONTINUE;
}

static gboolean ensure_thread(Watchdog *self, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (self->thread == NULL && !self->is_adopting)
        self->thread = g_thread_try_new("watchdog", run, self, &cause);
    if (self->thread != NULL || self->is_adopting)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "See the system's limits on threads.",
                      "The thread that feeds the watchdog cannot be started: %s.", cause->message);
    return FALSE;
}

static void stop_thread(Watchdog *self)
{
    Request *request;

    if (self->thread == NULL)
        return;
    request = g_new0(Request, 1);
    request->kind = REQUEST_STOP;
    g_async_queue_push(self->requests, request);
    wake(self->wake_fd);
    g_thread_join(g_steal_pointer(&self->thread));
}

static void ask(Watchdog *self, RequestKind kind, guint entry, GTask *task)
{
    Request *request = g_new0(Request, 1);

    request->kind = kind;
    request->entry = entry;
    request->task = task;
    g_async_queue_push(self->requests, request);
    wake(self->wake_fd);
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
            config->timeout != 0 ? config->timeout : WATCHDOG_TIMEOUT_DEFAULT);
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

    self->kind = config->kind;
    self->changed = changed;
    self->user_data = user_data;
    self->requests = g_async_queue_new();
    self->leftovers = g_ptr_array_new_with_free_func(free_descriptor);
    g_mutex_init(&self->lock);
    self->backend = new_backend(config);
    if (self->backend != NULL) {
        self->backend->entries = self->entries;
        self->backend->n_entries = &self->n_entries;
    }
    self->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->timer_fd < 0 || self->wake_fd < 0 || self->notify_fd < 0) {
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "See the limits on open files.",
                          "There are no descriptors for the watchdog.");
        watchdog_free(self);
        return NULL;
    }
    self->notify_source = g_unix_fd_source_new(self->notify_fd, G_IO_IN);
    g_source_set_callback(self->notify_source, G_SOURCE_FUNC(on_notified), self, NULL);
    g_source_attach(self->notify_source, g_main_context_get_thread_default());
    return self;
}

static void findings_clear(Findings *findings)
{
    g_free(findings->trouble);
    g_free(findings->description);
}

void watchdog_free(Watchdog *self)
{
    Request *request;

    if (self == NULL)
        return;
    stop_thread(self);
    while ((request = g_async_queue_try_pop(self->requests)) != NULL)
        request_free(request);
    g_async_queue_unref(self->requests);
    if (self->notify_source != NULL) {
        g_source_destroy(self->notify_source);
        g_source_unref(self->notify_source);
    }
    if (self->backend != NULL)
        self->backend->class->free(self->backend, self->is_adopting);
    for (guint i = 0; i < self->n_entries; i++)
        g_free(self->entries[i].lockspace);
    if (self->timer_fd >= 0)
        close(self->timer_fd);
    if (self->wake_fd >= 0)
        close(self->wake_fd);
    if (self->notify_fd >= 0)
        close(self->notify_fd);
    g_ptr_array_unref(self->leftovers);
    findings_clear(&self->findings);
    findings_clear(&self->news);
    g_mutex_clear(&self->lock);
    g_free(self);
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

void watchdog_guard_async(Watchdog *self, const char *lockspace, guint32 io_timeout,
                          guint64 fail_us, GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, user_data);
    GError *error = NULL;
    Request *request;
    guint entry;

    g_task_set_source_tag(task, watchdog_guard_async);
    if (self->kind == WATCHDOG_NONE) {
        g_task_set_task_data(task, GUINT_TO_POINTER(WATCHDOG_MAX_GUARDS), NULL);
        g_task_return_boolean(task, TRUE);
        return;
    }
    if (!ensure_thread(self, &error) || !take_place(self, &entry, &error)) {
        g_task_set_task_data(task, GUINT_TO_POINTER(WATCHDOG_MAX_GUARDS), NULL);
        g_task_return_error(task, error);
        return;
    }
    g_task_set_task_data(task, GUINT_TO_POINTER(entry), NULL);
    atomic_store(&self->fail_times[entry], fail_us);
    request = g_new0(Request, 1);
    request->kind = REQUEST_GUARD;
    request->entry = entry;
    request->lockspace = g_strdup(lockspace);
    request->io_timeout = io_timeout;
    request->task = g_steal_pointer(&task);
    g_async_queue_push(self->requests, request);
    wake(self->wake_fd);
}

WatchdogGuard *watchdog_guard_finish(Watchdog *self, GAsyncResult *result, GError **error)
{
    guint entry = GPOINTER_TO_UINT(g_task_get_task_data(G_TASK(result)));
    WatchdogGuard *guard;

    if (!g_task_propagate_boolean(G_TASK(result), error)) {
        if (entry < WATCHDOG_MAX_GUARDS)
            self->is_taken[entry] = FALSE;
        return NULL;
    }
    guard = g_new0(WatchdogGuard, 1);
    guard->watchdog = self;
    guard->entry = entry;
    if (entry < WATCHDOG_MAX_GUARDS)
        self->guards[entry] = guard;
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
    atomic_store(&guard->watchdog->fail_times[guard->entry], fail_us);
    ask(guard->watchdog, REQUEST_CONFIRM, guard->entry, g_steal_pointer(&task));
}

gboolean watchdog_guard_confirm_finish(Watchdog *self, GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

void watchdog_guard_renewed(WatchdogGuard *guard, guint64 fail_us)
{
    if (!is_guarding(guard))
        return;
    atomic_store(&guard->watchdog->fail_times[guard->entry], fail_us);
    wake(guard->watchdog->wake_fd);
}

void watchdog_guard_failed(WatchdogGuard *guard, guint64 fail_us)
{
    guint64 reset_us = reset_deadline_failed(fail_us, boottime_now());

    if (!is_guarding(guard))
        return;
    atomic_store(&guard->watchdog->fail_times[guard->entry],
                 time_since(reset_us, time_from_seconds(RESET_AIM_SECONDS)));
    guard->has_failed = TRUE;
    wake(guard->watchdog->wake_fd);
    guard->watchdog->changed(guard->watchdog->user_data);
}

void watchdog_guard_free(WatchdogGuard *guard)
{
    Watchdog *self;

    if (guard == NULL)
        return;
    self = guard->watchdog;
    if (is_guarding(guard)) {
        atomic_store(&self->fail_times[guard->entry], RESET_SAFE);
        ask(self, REQUEST_RELEASE, guard->entry, NULL);
        self->guards[guard->entry] = NULL;
        self->is_taken[guard->entry] = FALSE;
        self->changed(self->user_data);
    }
    g_free(guard);
}

/* --- giving way ------------------------------------------------------------------------------ */

GPtrArray *watchdog_hand_over(Watchdog *self)
{
    GPtrArray *descriptors = g_ptr_array_new_with_free_func(free_descriptor);

    stop_thread(self);
    self->is_adopting = TRUE;
    if (self->backend != NULL)
        self->backend->class->list(self->backend, descriptors);
    return descriptors;
}

void watchdog_take_back(Watchdog *self)
{
    self->is_adopting = FALSE;
    /* A thread can be had again where one was given up a moment ago; else the timer runs. */
    if (self->backend != NULL)
        (void)ensure_thread(self, NULL);
}

void watchdog_adopt(Watchdog *self, const char *name, int fd)
{
    self->is_adopting = TRUE;
    if (self->backend == NULL || !self->backend->class->adopt(self->backend, name, fd))
        watchdog_add_descriptor(self->leftovers, name, fd);
}

static void disarm_leftover(const WatchdogDescriptor *descriptor)
{
    if (g_str_has_prefix(descriptor->name, WATCHDOG_WDMD_PREFIX)) {
        watchdog_wdmd_disarm(descriptor->fd);
        return;
    }
    if (write(descriptor->fd, WATCHDOG_MAGIC_CLOSE, 1) < 0)
        g_warning("A watchdog that is not used any more cannot be stopped: %s", g_strerror(errno));
    close(descriptor->fd);
}

void watchdog_adopted(Watchdog *self)
{
    self->is_adopting = FALSE;
    if (self->backend != NULL)
        (void)ensure_thread(self, NULL);
    for (guint i = 0; i < self->leftovers->len; i++)
        disarm_leftover(self->leftovers->pdata[i]);
    g_ptr_array_set_size(self->leftovers, 0);
}
