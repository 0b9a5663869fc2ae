/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waits for a registration to change: for a program without a main loop.
 *
 * Whatever has changed between the making of the watch and the wait counts, so whoever looks in
 * between misses nothing.
 */
#pragma once

#include <gio/gio.h>

typedef struct RegistrationWatch RegistrationWatch;

/* Of the registration at `path`: its properties, its end, and that of bailiffd. */
RegistrationWatch *registration_watch_new(GDBusConnection *bus, const char *path);
void registration_watch_free(RegistrationWatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RegistrationWatch, registration_watch_free)

/* Returns when something has changed since the last call, or since the beginning; FALSE: nothing
 * has until `until_us` (g_get_monotonic_time()). */
gboolean registration_watch_wait(RegistrationWatch *self, gint64 until_us);
