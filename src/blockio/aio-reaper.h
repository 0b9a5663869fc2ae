/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ends aio contexts whose queue is gone. io_destroy waits for all that is out, on hung storage for
 * ever, and takes 30 ms on an idle context; so each context that is given up gets a thread of its
 * own, which waits for the last answer, gives back what the requests own and then destroys the
 * context.
 */
#pragma once

#include "blockio/aio-request.h"

/* Takes over the context and the requests in `in_flight` (AioRequest.place), which it empties. */
void aio_reaper_start(io_context_t context, GQueue *in_flight);

/* Waits until no reaper is at work, at most `timeout_us`; TRUE when there is none. Blocks: for the
 * end of the process and for tests. */
gboolean aio_reaper_wait(guint64 timeout_us);
