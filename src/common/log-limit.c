/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A table of windows.
 */
#include "common/log-limit.h"

#include "base/checked-time.h"

typedef struct Window {
    guint64 ends_us;
    guint passed;
    guint64 held_back;
} Window;

struct LogLimit {
    guint burst;
    guint64 window_us;
    GHashTable *windows; /* key -> Window */
};

LogLimit *log_limit_new(guint burst, guint64 window_us)
{
    LogLimit *self = g_new0(LogLimit, 1);

    self->burst = burst;
    self->window_us = window_us;
    self->windows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return self;
}

void log_limit_free(LogLimit *self)
{
    g_hash_table_unref(self->windows);
    g_free(self);
}

/* What has held nothing back has nothing to tell. */
static gboolean is_over_and_silent(gpointer key, gpointer value, gpointer now_us)
{
    const Window *window = value;

    return window->held_back == 0 && window->ends_us <= *(const guint64 *)now_us;
}

static Window *begin_window(LogLimit *self, const char *key, guint64 now_us)
{
    Window *window;

    if (g_hash_table_size(self->windows) >= LOG_LIMIT_MAX_KEYS)
        g_hash_table_foreach_remove(self->windows, is_over_and_silent, &now_us);
    if (g_hash_table_size(self->windows) >= LOG_LIMIT_MAX_KEYS)
        return NULL;
    window = g_new0(Window, 1);
    window->ends_us = time_add(now_us, self->window_us);
    g_hash_table_insert(self->windows, g_strdup(key), window);
    return window;
}

gboolean log_limit_pass(LogLimit *self, const char *key, guint64 now_us)
{
    Window *window = g_hash_table_lookup(self->windows, key);

    /* One that has held back stays until it was told of. */
    if (window != NULL && is_over_and_silent(NULL, window, &now_us)) {
        window->ends_us = time_add(now_us, self->window_us);
        window->passed = 0;
    }
    if (window == NULL)
        window = begin_window(self, key, now_us);
    if (window == NULL)
        return TRUE;
    if (window->passed < self->burst) {
        window->passed++;
        return TRUE;
    }
    window->held_back++;
    return FALSE;
}

guint64 log_limit_next_due(LogLimit *self)
{
    guint64 due_us = TIME_NEVER;
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->windows);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Window *window = value;

        if (window->held_back > 0)
            due_us = MIN(due_us, window->ends_us);
    }
    return due_us;
}

void log_limit_collect(LogLimit *self, guint64 now_us, LogLimitTell tell, gpointer user_data)
{
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, self->windows);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const Window *window = value;

        if (window->held_back == 0 || window->ends_us > now_us)
            continue;
        tell(key, window->held_back, user_data);
        g_hash_table_iter_remove(&iter);
    }
}
