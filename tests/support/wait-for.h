/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for what happens, in the main loop of a test: never for a time, and never for ever.
 */
#pragma once

#include <glib.h>

#define PATIENCE_SECONDS 60

static inline gboolean on_impatience(gpointer data)
{
    g_error("nothing happened for %d seconds: %s", PATIENCE_SECONDS, (const char *)data);
    return G_SOURCE_REMOVE;
}

static inline gboolean on_tick(gpointer data)
{
    return G_SOURCE_CONTINUE;
}

/* Looks after every event of the main context, and now and then for what other threads do. */
#define WAIT_FOR(condition)                                                                        \
    G_STMT_START                                                                                   \
    {                                                                                              \
        guint tick_ = g_timeout_add(10, on_tick, NULL);                                            \
        guint impatience_ =                                                                        \
            g_timeout_add_seconds(PATIENCE_SECONDS, on_impatience, (gpointer) #condition);         \
        while (!(condition))                                                                       \
            g_main_context_iteration(NULL, TRUE);                                                  \
        g_source_remove(impatience_);                                                              \
        g_source_remove(tick_);                                                                    \
    }                                                                                              \
    G_STMT_END
