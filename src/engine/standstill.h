/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Before this process executes another program or hands its place to another one: no I/O of it is
 * out, and everything that its successor has to know is written down.
 */
#pragma once

#include "engine/engine.h"

/* How long renewals may be held up by an attempt. */
#define STANDSTILL_LIMIT_US (150 * 1000)

/* Holds all I/O back (blockio/io-gate.h) and waits for what is out, STANDSTILL_LIMIT_US at the
 * longest. TRUE: everything stands still, until standstill_end(). FALSE with Busy: storage did not
 * answer in that time, and everything goes on as before. */
void standstill_async(BailiffEngine *engine, GAsyncReadyCallback callback, gpointer user_data);
gboolean standstill_finish(GAsyncResult *result, GError **error);
/* Everything goes on. */
void standstill_end(void);
