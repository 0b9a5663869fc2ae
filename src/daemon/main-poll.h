/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the main loop waits, also when its limit on open files was lowered below what it watches.
 *
 * poll() takes no more descriptors than the soft limit allows to open (EINVAL). A loop that takes
 * this for an event turns round and round, and none of its timers fires: no renewal, no walk. What
 * is open stays open whatever the limit; so it is watched.
 */
#pragma once

#include <glib.h>

/* For the default main context. */
void main_poll_install(void);

/* A GPollFunc. Raises the soft limit to the hard one, and where that is not enough watches some of
 * the descriptors after the others: it returns 0, though nothing of `timeout_ms` was asked for,
 * when it has to look again. */
gint main_poll(GPollFD *fds, guint n_fds, gint timeout_ms);
