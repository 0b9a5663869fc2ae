/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What bailiffd says of one registration and its lockspace, asked without ever waiting: whether it
 * is on the bus, whether the leases are still held, until when, and why not.
 *
 * It outlives the daemon, and also the bus: a connection that was closed is made anew.
 */
#pragma once

#include "ctl/bus-client.h"

typedef struct RunWatch RunWatch;

typedef struct RunAnswer {
    gboolean answered; /* FALSE: nothing else means anything */
    gboolean ours;     /* the registration is this process' and holds all the leases */
    guint64 asked_us;  /* when the question was sent */
    guint64 fail_at_us;
    const char *lockspace_state;
    const char *reason;
    gboolean failing; /* our failure policy is being walked */
} RunAnswer;

typedef struct RunWatchHandler {
    void (*presence)(gboolean present, gpointer data);
    void (*changed)(gpointer data); /* a property has changed: ask */
    void (*answer)(const RunAnswer *answer, gpointer data);
    gpointer data;
} RunWatchHandler;

/* `pid`: as the registration had it (the daemon's pid namespace may be another one than ours).
 * `resources`: the object paths of the leases. */
RunWatch *run_watch_new(GDBusConnection *connection, const char *registration, guint32 pid,
                        const char *lockspace, const char *const *resources,
                        const RunWatchHandler *handler);
void run_watch_free(RunWatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RunWatch, run_watch_free)

/* One question at a time; the handler gets an answer in any case, within `limit_us`. */
void run_watch_ask(RunWatch *self, guint64 limit_us);

/* The connection that is in use now; closed, perhaps. */
GDBusConnection *run_watch_connection(RunWatch *self);
