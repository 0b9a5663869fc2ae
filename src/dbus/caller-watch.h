/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who left the bus: cancels what was asked for by callers that nobody can answer any more.
 *
 * One subscription to NameOwnerChanged for all callers, and not one for each: a bus lets a
 * connection have a few hundred matches only, and says nothing when one more is refused. Since it
 * stands before the first method call can come, and the bus keeps the order of messages, no
 * departure is missed.
 */
#pragma once

#include <gio/gio.h>

typedef struct CallerWatch CallerWatch;

CallerWatch *caller_watch_new(void);
void caller_watch_free(CallerWatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CallerWatch, caller_watch_free)

/* The connection to watch from now on, NULL when there is none: then everybody has left. */
void caller_watch_set_connection(CallerWatch *self, GDBusConnection *connection);

/* Until it is removed, `cancellable` is cancelled when the unique name `name` leaves. */
void caller_watch_add(CallerWatch *self, const char *name, GCancellable *cancellable);
void caller_watch_remove(CallerWatch *self, const char *name, GCancellable *cancellable);
