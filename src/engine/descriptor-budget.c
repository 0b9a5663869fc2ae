/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counting costs time, so it is seldom done: after a count half of what is left may be taken
 * without another one. The other half is for whatever takes descriptors without asking here. So the
 * counts are the more frequent the less there is, and each is for what comes when there is little.
 *
 * Calls that are under way together can each have been let in by the same count. So those that take
 * a descriptor later, when a device was opened, ask again when they have it.
 */
#include "engine/descriptor-budget.h"

#include "common/bailiff-error.h"
#include "common/descriptors.h"
#include "common/log-message.h"
#include "engine/engine-private.h"

/* Kept for what is there once: the files that are written and the directories that are looked at in
 * one moment, by four threads; the descriptors that a pass over a process tree has open, and those
 * of a control group; another launcher; another connection to the bus; devices that are opened;
 * messages with descriptors that have not been looked at. */
#define KEPT 64u
/* For each lockspace: all of what it takes, since one that is joined may have some of it only
 * later. */
#define KEPT_FOR_LOCKSPACE DESCRIPTORS_OF_LOCKSPACE
/* For each registration: the pipe of a program, and a pidfd for the kill guard when its process is
 * another one. */
#define KEPT_FOR_REGISTRATION 3u

/* The table is that of the process, and so is this; only the main loop's thread asks. */
static guint64 limit_counted;
static guint64 allowance;
static gboolean told;

static guint64 count_kept(BailiffEngine *self)
{
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(self);
    g_autoptr(GPtrArray) registrations = bailiff_engine_list_registrations(self);

    return KEPT + (guint64)lockspaces->len * KEPT_FOR_LOCKSPACE +
           (guint64)registrations->len * KEPT_FOR_REGISTRATION;
}

static void refuse(guint64 left, guint64 kept, GError **error)
{
    g_autoptr(GError) local = NULL;

    bailiff_set_error(&local, BAILIFF_ERROR_BUSY,
                      "End registrations and leases that are not needed, or raise bailiffd's limit "
                      "on open files (prlimit --nofile for the one that runs, LimitNOFILE= in its "
                      "unit for the next).",
                      "bailiffd has %" G_GUINT64_FORMAT
                      " file descriptors left of %" G_GUINT64_FORMAT
                      ", and keeps %" G_GUINT64_FORMAT
                      " for what it holds already: too few are free for anything new.",
                      left, limit_counted, kept);
    if (!told)
        log_message(MESSAGE_DESCRIPTORS_SHORT, NULL, "%s", local->message);
    told = TRUE;
    g_propagate_error(error, g_steal_pointer(&local));
}

gboolean bailiff_engine_check_descriptors(BailiffEngine *self, guint n, GError **error)
{
    guint64 limit = descriptors_limit(), left, kept;

    if (n <= allowance && limit == limit_counted) {
        allowance -= n;
        return TRUE;
    }
    limit_counted = limit;
    allowance = 0;
    /* Everything new is refused from the same moment on, what takes less not later than what takes
     * more. */
    n = MAX(n, DESCRIPTORS_OF_LOCKSPACE);
    left = descriptors_left();
    kept = count_kept(self);
    if (left < kept + n) {
        refuse(left, kept, error);
        return FALSE;
    }
    allowance = (left - kept - n) / 2;
    told = FALSE;
    return TRUE;
}
