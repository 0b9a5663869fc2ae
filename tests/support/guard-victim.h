/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A kill guard in tests, and real processes for it to kill. Each function fails the test when it
 * cannot do what it says.
 */
#pragma once

#include <sched.h>
#include <signal.h>
#include <string.h>

#include "actions/kill-guard.h"
#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "support/forked-tree.h"

#define MS UINT64_C(1000)

typedef struct Victim {
    ProcessIdentity process;
    KillGuardTarget target;
} Victim;

static inline void victim_start(Victim *self, ForkedBody body)
{
    pid_t pid = forked(body);

    open_identity(&self->process, pid);
    self->target = KILL_GUARD_TARGET_NONE;
    self->target.pidfd = self->process.pidfd;
    self->target.pid = pid;
}

static inline gboolean victim_lives(const Victim *self)
{
    return !process_identity_has_ended(&self->process);
}

static inline void victim_end(Victim *self)
{
    kill(self->process.pid, SIGKILL);
    waitpid(self->process.pid, NULL, 0);
    process_identity_clear(&self->process);
}

static inline KillGuard *guard_new(void)
{
    g_autoptr(GError) error = NULL;
    KillGuard *guard = kill_guard_new(&error);

    g_assert_no_error(error);
    return guard;
}

static inline guint64 add_line(KillGuard *guard)
{
    g_autoptr(GError) error = NULL;
    guint64 line = kill_guard_add_line(guard, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(line, !=, 0);
    return line;
}

static inline guint64 add(KillGuard *guard, guint64 line, const KillGuardTarget *target)
{
    g_autoptr(GError) error = NULL;
    guint64 entry = kill_guard_add(guard, line, target, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(entry, !=, 0);
    return entry;
}

static inline void refused(KillGuard *guard, guint64 line, const KillGuardTarget *target, int code)
{
    g_autoptr(GError) error = NULL;

    g_assert_cmpuint(kill_guard_add(guard, line, target, &error), ==, 0);
    g_assert_error(error, BAILIFF_ERROR, code);
    g_assert_nonnull(strchr(error->message, '\n'));
}

/* The count follows the signal: it has no event of its own. */
static inline void wait_for_count(KillGuard *guard, guint64 count)
{
    while (kill_guard_count_kills(guard) < count)
        sched_yield();
    g_assert_cmpuint(kill_guard_count_kills(guard), ==, count);
}
