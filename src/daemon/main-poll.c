/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * poll() in parts.
 */
#include "daemon/main-poll.h"

#include <errno.h>

#include "common/descriptors.h"

/* For the parts that are not waited for. What it costs is ten looks in a second; a deadline is kept
 * by this much later. */
#define LOOK_MS 100

static gint poll_parts(GPollFD *fds, guint n_fds, guint part)
{
    gint ready = 0;

    for (guint first = 0; first < n_fds; first += part) {
        gint n = g_poll(fds + first, MIN(part, n_fds - first), 0);

        if (n < 0)
            return n;
        ready += n;
    }
    return ready;
}

/* Waits for the first part, where that by which other threads wake the loop is: the oldest have the
 * lowest numbers, and GLib sorts them. */
static gint poll_by_parts(GPollFD *fds, guint n_fds, gint timeout_ms)
{
    guint part = (guint)MIN(descriptors_limit(), (guint64)n_fds);
    gint wait_ms = timeout_ms < 0 ? LOOK_MS : MIN(timeout_ms, LOOK_MS);
    gint ready;

    if (part == 0) {
        g_usleep((gulong)wait_ms * 1000);
        return 0;
    }
    ready = poll_parts(fds, n_fds, part);
    return ready != 0 ? ready : g_poll(fds, part, wait_ms);
}

gint main_poll(GPollFD *fds, guint n_fds, gint timeout_ms)
{
    gint ready = g_poll(fds, n_fds, timeout_ms);

    if (ready >= 0 || errno != EINVAL)
        return ready;
    if (descriptors_raise_limit()) {
        ready = g_poll(fds, n_fds, timeout_ms);
        if (ready >= 0 || errno != EINVAL)
            return ready;
    }
    return poll_by_parts(fds, n_fds, timeout_ms);
}

void main_poll_install(void)
{
    g_main_context_set_poll_func(NULL, main_poll);
}
