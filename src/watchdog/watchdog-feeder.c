/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread that feeds.
 */
#include "watchdog/watchdog-feeder.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/urgency.h"

/* After a feed that did not work. */
#define RETRY_US USEC_PER_SECOND

static void wake(int fd)
{
    const guint64 one = 1;

    /* It can only fail when it is readable anyway. */
    if (write(fd, &one, sizeof one) < 0)
        return;
}

static void publish(WatchdogFeeder *self, const GError *trouble)
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

static void copy_deadlines(WatchdogFeeder *self)
{
    for (guint i = 0; i < self->n_entries; i++)
        self->entries[i].fail_us = atomic_load(&self->fail_times[i]);
}

static guint64 feed(WatchdogFeeder *self)
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

static void answer(WatchdogRequest *request, gboolean worked, GError *error)
{
    if (request->task == NULL)
        g_clear_error(&error);
    else if (worked)
        g_task_return_boolean(request->task, TRUE);
    else
        g_task_return_error(request->task, error);
}

static void request_free(WatchdogRequest *request)
{
    g_clear_object(&request->task);
    g_free(request->lockspace);
    g_free(request);
}

static void start_entry(WatchdogFeeder *self, WatchdogRequest *request)
{
    WatchdogEntry *entry = &self->entries[request->entry];
    GError *error = NULL;
    gboolean worked;

    g_free(entry->lockspace);
    entry->lockspace = g_steal_pointer(&request->lockspace);
    entry->io_timeout = request->io_timeout;
    self->n_entries = MAX(self->n_entries, request->entry + 1);
    copy_deadlines(self);
    worked = self->backend->class->guard(self->backend, request->entry, &error);
    entry->is_used = worked;
    self->n_used += worked ? 1 : 0;
    self->is_armed |= worked;
    /* Known to whoever hears that it is guarded. */
    if (worked)
        publish(self, NULL);
    answer(request, worked, error);
}

static void end_entry(WatchdogFeeder *self, guint at)
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
static void confirm_entry(WatchdogFeeder *self, WatchdogRequest *request)
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
static gboolean work_on_requests(WatchdogFeeder *self)
{
    WatchdogRequest *request;

    while ((request = g_async_queue_try_pop(self->requests)) != NULL) {
        gboolean stop = request->kind == WATCHDOG_REQUEST_STOP;

        if (request->kind == WATCHDOG_REQUEST_GUARD)
            start_entry(self, request);
        else if (request->kind == WATCHDOG_REQUEST_CONFIRM)
            confirm_entry(self, request);
        else if (request->kind == WATCHDOG_REQUEST_RELEASE)
            end_entry(self, request->entry);
        request_free(request);
        if (stop)
            return FALSE;
    }
    return TRUE;
}

static gpointer run(gpointer data)
{
    WatchdogFeeder *self = data;
    gboolean goes_on;
    sigset_t all;

    /* Signals are for the main loop. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    urgency_take(URGENCY_LEASES);
    do {
        guint64 next_us;

        goes_on = work_on_requests(self);
        if (!self->is_settled)
            self->backend->class->settle(self->backend);
        self->is_settled = TRUE;
        next_us = feed(self);
        if (goes_on)
            boottime_wait(self->timer_fd, self->wake_fd, next_us);
    } while (goes_on);
    return NULL;
}

/* --- for the main loop ------------------------------------------------------------------------ */

void watchdog_feeder_wake(WatchdogFeeder *self)
{
    wake(self->wake_fd);
}

void watchdog_feeder_ask(WatchdogFeeder *self, const WatchdogRequest *request)
{
    g_async_queue_push(self->requests, g_memdup2(request, sizeof *request));
    wake(self->wake_fd);
}

gboolean watchdog_feeder_start(WatchdogFeeder *self, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (self->thread == NULL)
        self->thread = g_thread_try_new("watchdog", run, self, &cause);
    if (self->thread != NULL)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "See the system's limits on threads.",
                      "The thread that feeds the watchdog cannot be started: %s.", cause->message);
    return FALSE;
}

void watchdog_feeder_stop(WatchdogFeeder *self)
{
    const WatchdogRequest request = { .kind = WATCHDOG_REQUEST_STOP };

    if (self->thread == NULL)
        return;
    watchdog_feeder_ask(self, &request);
    g_thread_join(g_steal_pointer(&self->thread));
}

gboolean watchdog_feeder_read(WatchdogFeeder *self, WatchdogFindings *findings)
{
    guint64 count;

    if (read(self->notify_fd, &count, sizeof count) < 0)
        return FALSE;
    watchdog_findings_clear(findings);
    g_mutex_lock(&self->lock);
    findings->trouble = g_strdup(self->news.trouble);
    findings->description = g_strdup(self->news.description);
    g_mutex_unlock(&self->lock);
    return TRUE;
}

void watchdog_findings_clear(WatchdogFindings *findings)
{
    g_clear_pointer(&findings->trouble, g_free);
    g_clear_pointer(&findings->description, g_free);
}

gboolean watchdog_feeder_init(WatchdogFeeder *self, WatchdogBackend *backend, GError **error)
{
    self->backend = backend;
    if (backend != NULL) {
        backend->entries = self->entries;
        backend->n_entries = &self->n_entries;
    }
    self->requests = g_async_queue_new();
    g_mutex_init(&self->lock);
    self->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->timer_fd >= 0 && self->wake_fd >= 0 && self->notify_fd >= 0)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "See the limits on open files.",
                      "There are no descriptors for the watchdog.");
    return FALSE;
}

static void close_descriptor(int fd)
{
    if (fd >= 0)
        close(fd);
}

void watchdog_feeder_refuse(WatchdogFeeder *self, const GError *error)
{
    WatchdogRequest *request;

    while ((request = g_async_queue_try_pop(self->requests)) != NULL) {
        answer(request, FALSE, g_error_copy(error));
        request_free(request);
    }
}

void watchdog_feeder_clear(WatchdogFeeder *self, gboolean keep)
{
    g_autoptr(GError) error =
        bailiff_error_make(BAILIFF_ERROR_BUSY, "Try again later.", "The watchdog is given up.");

    watchdog_feeder_stop(self);
    watchdog_feeder_refuse(self, error);
    if (self->backend != NULL)
        self->backend->class->free(self->backend, keep);
    for (guint i = 0; i < self->n_entries; i++)
        g_free(self->entries[i].lockspace);
    close_descriptor(self->timer_fd);
    close_descriptor(self->wake_fd);
    close_descriptor(self->notify_fd);
    watchdog_findings_clear(&self->news);
    g_async_queue_unref(self->requests);
    g_mutex_clear(&self->lock);
}
