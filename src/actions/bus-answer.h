/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the errors of calls to other services mean, and how their words are shown: they go into logs
 * and onto the bus, and may be anything.
 */
#pragma once

#include <gio/gio.h>

/* The text of an error, in one line of bounded length. */
char *bus_error_words(const GError *error);

/* Nobody has the service's name, or the bus is gone. */
gboolean bus_error_is_absence(const GError *error);
/* No answer came in time; what was asked may still be carried out. */
gboolean bus_error_is_silence(const GError *error);

/* The time-out for a call that is to end at `until_us` (CLOCK_BOOTTIME), in milliseconds. */
int bus_timeout_until(guint64 until_us);
