/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon's end of its launcher: the process, kept running, and the socket to it.
 *
 * A launcher that ends, hangs (launcher-health.h) or does not make sense is given up: it is killed
 * if need be, what it has left running is killed (launcher-orphans.h), and another one is started
 * when it is gone, after a delay that grows as long as it keeps happening. There are never two:
 * as long as one cannot be killed there is no other, which could not run anything either.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "actions/launcher-health.h"
#include "actions/launcher-message.h"

typedef struct LauncherLink LauncherLink;

/* From the main loop; `lost` and `changed` also from inside launcher_link_give_up(). */
typedef struct LauncherLinkEvents {
    /* FALSE: it is no answer to anything that was asked; the launcher is given up then. */
    gboolean (*answered)(const LauncherAnswer *answer, gpointer user_data);
    /* The launcher is given up: what it was asked to do is not known any more. */
    void (*lost)(const char *reason, gpointer user_data);
    /* launcher_link_is_up() has changed. */
    void (*changed)(gpointer user_data);
    /* After launcher_link_stop(): nothing is left. */
    void (*stopped)(gpointer user_data);
} LauncherLinkEvents;

/* `executable`: what to start with LAUNCHER_OPTION; NULL: what the caller is itself. `events` and
 * `times` stay valid. Waits until it has answered. IoError when it cannot be started. */
LauncherLink *launcher_link_new(const char *executable, const LauncherTimes *times,
                                const LauncherLinkEvents *events, gpointer user_data,
                                GError **error);

/* What a program that is executed instead of this one needs to have the same launcher: its parent
 * stays the same process. */
typedef struct LauncherHandle {
    pid_t pid;
    int socket_fd;
    guint64 last_ping;
} LauncherHandle;

/* FALSE: there is none that is well and was told everything. The socket is borrowed. */
gboolean launcher_link_give(const LauncherLink *self, LauncherHandle *ret);
/* The socket of `handle` is taken over. A launcher that does not answer within a moment is given
 * up, which is an event `lost`, and another one is started. `ret_self` is set before any event
 * comes. */
gboolean launcher_link_inherit(LauncherLink **ret_self, const char *executable,
                               const LauncherTimes *times, const LauncherHandle *handle,
                               const LauncherLinkEvents *events, gpointer user_data,
                               GError **error);
/* The launcher ends what it has started and itself, for which this waits a moment. */
void launcher_link_free(LauncherLink *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LauncherLink, launcher_link_free)

/* It is there, and has answered. */
gboolean launcher_link_is_up(const LauncherLink *self);

/* 0 while it is not up. */
pid_t launcher_link_get_pid(const LauncherLink *self);

/* How often there was none any more, or it could not be started. */
guint64 launcher_link_count_losses(const LauncherLink *self);

/* To be called when it is up. `output_fd` is taken over; -1 when there is none. */
void launcher_link_send(LauncherLink *self, const LauncherRequest *request, int output_fd);

/* TRUE when the request was not sent yet: it never will be. */
gboolean launcher_link_take_back(LauncherLink *self, guint64 id);

/* It has not answered a request in time: it hangs. */
void launcher_link_give_up(LauncherLink *self);

/* Ends it, with what it has started, and starts no other. TRUE: nothing is left already; else the
 * event `stopped` comes. */
gboolean launcher_link_stop(LauncherLink *self);
/* After that, what has yet to end: "the launcher, process 3, process 4 (sh)"; NULL: nothing. */
char *launcher_link_describe_rest(const LauncherLink *self);
/* Starts one again. */
void launcher_link_resume(LauncherLink *self);
