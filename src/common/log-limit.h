/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How often the same may be said: so many times in a window, and when that has ended, once more how
 * often it was not. What counts as the same says the caller's key.
 *
 * It has no clock of its own, and is for one thread at a time.
 */
#pragma once

#include <glib.h>

typedef struct LogLimit LogLimit;

/* So many keys are known at a time; a line with another one passes without being counted. */
#define LOG_LIMIT_MAX_KEYS 512u

/* A window begins with the first line of its key: `burst` lines of it pass, the rest do not. */
LogLimit *log_limit_new(guint burst, guint64 window_us);
void log_limit_free(LogLimit *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LogLimit, log_limit_free)

/* FALSE: not this one; it is counted. `now_us` never goes back. */
gboolean log_limit_pass(LogLimit *self, const char *key, guint64 now_us);

/* When log_limit_collect() has something to tell; TIME_NEVER: nothing was held back. */
guint64 log_limit_next_due(LogLimit *self);

/* Called with each key of which `n` lines were held back. */
typedef void (*LogLimitTell)(const char *key, guint64 n, gpointer user_data);

/* Tells of the windows that have ended, and forgets them. */
void log_limit_collect(LogLimit *self, guint64 now_us, LogLimitTell tell, gpointer user_data);
