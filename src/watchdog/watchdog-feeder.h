/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread that feeds, and what it shares with the main loop.
 *
 *   main loop                                   thread
 *   ---------                                   ------
 *   deadline of an entry (atomic), wake  ────►  copies all deadlines, feeds
 *   guard, confirm, release: queue, wake ────►  one after the other, in their order, then feeds
 *   the GTask's callback                 ◄────  answers
 *   notify_fd is readable                ◄────  notes what is the matter
 *
 * An entry is free again once its release is asked for: who takes it next comes after that.
 */
#pragma once

#include <stdatomic.h>

#include <gio/gio.h>

#include "watchdog/watchdog-backend.h"

typedef enum WatchdogRequestKind {
    WATCHDOG_REQUEST_GUARD,
    WATCHDOG_REQUEST_CONFIRM,
    WATCHDOG_REQUEST_RELEASE,
    WATCHDOG_REQUEST_STOP,
} WatchdogRequestKind;

typedef struct WatchdogRequest {
    WatchdogRequestKind kind;
    guint entry;
    char *lockspace;
    guint32 io_timeout;
    GTask *task; /* who is answered; NULL: nobody */
} WatchdogRequest;

/* What the thread has found out. */
typedef struct WatchdogFindings {
    char *trouble; /* "cause\ncure"; NULL: it is fed */
    char *description;
} WatchdogFindings;

void watchdog_findings_clear(WatchdogFindings *findings);

typedef struct WatchdogFeeder {
    /* Main loop. */
    GThread *thread; /* NULL: it does not run */
    int notify_fd;   /* readable: see watchdog_feeder_read() */

    /* Both. */
    _Atomic guint64 fail_times[WATCHDOG_MAX_GUARDS];
    GAsyncQueue *requests;
    int wake_fd;
    GMutex lock; /* of `news`: held for a few instructions */
    WatchdogFindings news;

    /* Thread. */
    WatchdogBackend *backend;
    WatchdogEntry entries[WATCHDOG_MAX_GUARDS];
    guint n_entries;
    guint n_used;
    gboolean is_armed;
    gboolean is_settled;
    int timer_fd;
} WatchdogFeeder;

/* `self` is zeroed; takes over `backend` (NULL: the thread is never started). To be cleared also
 * after FALSE. */
gboolean watchdog_feeder_init(WatchdogFeeder *self, WatchdogBackend *backend, GError **error);
/* Stops the thread; `keep`: leaves the backend's descriptors open. Who waits gets Busy. */
void watchdog_feeder_clear(WatchdogFeeder *self, gboolean keep);

/* Nothing when it runs. */
gboolean watchdog_feeder_start(WatchdogFeeder *self, GError **error);
/* Feeds once more; waits for it. */
void watchdog_feeder_stop(WatchdogFeeder *self);

/* Without a thread: who waits for one gets this. */
void watchdog_feeder_refuse(WatchdogFeeder *self, const GError *error);

/* A deadline has changed. */
void watchdog_feeder_wake(WatchdogFeeder *self);
/* Takes over what `request` has. */
void watchdog_feeder_ask(WatchdogFeeder *self, const WatchdogRequest *request);
/* FALSE: nothing new. */
gboolean watchdog_feeder_read(WatchdogFeeder *self, WatchdogFindings *findings);
