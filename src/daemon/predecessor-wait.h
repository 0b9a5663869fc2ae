/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for the end of the bailiffd that has the lock on the runtime directory.
 */
#pragma once

#include "engine/instance-lock.h"

typedef enum PredecessorEnd {
    PREDECESSOR_GONE,       /* the lock is ours, or ours to take when its process has ended */
    PREDECESSOR_STAYS,      /* it has not ended within the limit, or another one has its place */
    PREDECESSOR_LEFT_ALONE, /* this process was told to end (SIGTERM, SIGINT) before that */
} PredecessorEnd;

/* As instance_lock_look(). INSTANCE_ENDING is said only of one that had time enough to end, since
 * that takes a moment, and more on a busy machine, of one whose storage does not hang as well.
 * Blocks for that long. */
InstanceState predecessor_look(InstanceLock *lock, pid_t *ret_pid);

/* `limit_ms`: 0 for as long as it takes, which the log says once. Blocks, for the start: nothing of
 * the default main context runs meanwhile. Who is next (instance_lock_take_next()) is that no more
 * when this has ended without the lock; where it is too late for that the wait goes on. */
PredecessorEnd predecessor_wait(InstanceLock *lock, guint limit_ms);
