/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The metrics on a Unix socket, as an answer in HTTP/1.0 (RFC 1945), which is what programs that
 * collect metrics speak.
 *
 * Whoever connects gets the same answer, whatever the request is, once it has ended: nothing of it
 * is read but its end. A reader that is slow, or says nothing, is cut off; while there are as many
 * as there may be, others wait in the kernel. All of it has a lower priority than everything else
 * in the main loop.
 */
#pragma once

#include "engine/engine.h"

typedef struct MetricsSocket MetricsSocket;

#define METRICS_CONNECTIONS_MAX 8u
#define METRICS_SECONDS_MAX 5u /* from the connection to the end of the answer */

/* Makes the socket `path`, mode 0660, in place of what an earlier bailiffd has left there. Takes a
 * reference to the engine. IoError. */
MetricsSocket *metrics_socket_new(BailiffEngine *engine, const char *path, GError **error);

/* And removes it. NULL is ignored. */
void metrics_socket_free(MetricsSocket *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MetricsSocket, metrics_socket_free)
