/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon sends to its launcher: packets that go at once, or wait until the socket takes
 * them, in their order.
 */
#pragma once

#include <glib.h>

#include "actions/launcher-message.h"

typedef struct LauncherPackets LauncherPackets;

/* The socket is borrowed. */
LauncherPackets *launcher_packets_new(int socket_fd);
/* Those that wait are never sent. NULL is ignored. */
void launcher_packets_free(LauncherPackets *self);

/* `output_fd` is taken over; -1 when there is none. */
void launcher_packets_send(LauncherPackets *self, const LauncherRequest *request, int output_fd);

/* Nothing waits. */
gboolean launcher_packets_are_sent(const LauncherPackets *self);

/* TRUE when the request for that program was not sent yet: it never will be. */
gboolean launcher_packets_take_back(LauncherPackets *self, guint64 id);
