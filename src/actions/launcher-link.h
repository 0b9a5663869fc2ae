/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon's end of its launcher: the process, kept running, and the socket to it.
 *
 * A launcher that ends, hangs or does not make sense is given up and another one started, after a
 * delay that grows as long as it keeps happening.
 */
#pragma once

#include <glib.h>

#include "actions/launcher-message.h"

typedef struct LauncherLink LauncherLink;

/* From the main loop; `lost` also from inside launcher_link_give_up(). */
typedef struct LauncherLinkEvents {
    /* FALSE: it is no answer to anything that was asked; the launcher is given up then. */
    gboolean (*answered)(const LauncherAnswer *answer, gpointer user_data);
    /* The launcher is given up: what it was asked to do is not known any more. */
    void (*lost)(gpointer user_data);
} LauncherLinkEvents;

/* `executable`: what to start with LAUNCHER_OPTION; NULL: what the caller is itself. `events` stay
 * valid. IoError when it cannot be started. */
LauncherLink *launcher_link_new(const char *executable, const LauncherLinkEvents *events,
                                gpointer user_data, GError **error);
/* The launcher ends what it has started and itself; nobody waits for it. */
void launcher_link_free(LauncherLink *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LauncherLink, launcher_link_free)

gboolean launcher_link_is_up(const LauncherLink *self);

/* 0 while there is none. */
pid_t launcher_link_get_pid(const LauncherLink *self);

/* To be called when it is up. `output_fd` is taken over; -1 when there is none. */
void launcher_link_send(LauncherLink *self, const LauncherRequest *request, int output_fd);

/* TRUE when the request was not sent yet: it never will be. */
gboolean launcher_link_take_back(LauncherLink *self, guint64 id);

/* It has not answered in time. */
void launcher_link_give_up(LauncherLink *self, const char *reason);
