/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The socket on which systemd is told things (sd_notify(3)), without ever waiting.
 *
 * sd_notify() would do, but for one thing: it waits when systemd does not read, and then whoever
 * calls it hangs because process 1 does. Here a message that finds no room is refused, and whoever
 * has it says it again later.
 */
#pragma once

#include <glib.h>

typedef struct NotifySocket NotifySocket;

/* By NOTIFY_SOCKET of the environment; NULL when there is none, or it cannot be used. */
NotifySocket *notify_socket_new(void);
void notify_socket_free(NotifySocket *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NotifySocket, notify_socket_free)

/* One message, "KEY=VALUE" on each line, and with it a descriptor (-1: none), which stays the
 * caller's. Any thread. FALSE with errno when it was not sent. */
gboolean notify_socket_send(NotifySocket *self, const char *text, int fd);
