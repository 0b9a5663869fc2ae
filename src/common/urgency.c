/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * By the calls of sched(7) on single threads; what is said of the process is that of its main
 * thread.
 */
#include "common/urgency.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include <gio/gio.h>

#include "common/bailiff-error.h"

/* SCHED_RR knows 1 to 99. */
#define PRIORITY_LEASES 1
#define PRIORITY_LAST_KILL 2

static atomic_bool has_begun;
static int usual_nice;

static gboolean set_real_time(int priority)
{
    const struct sched_param parameters = { .sched_priority = priority };

    return sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &parameters) == 0;
}

static void set_usual(void)
{
    const struct sched_param parameters = { 0 };
    int policy = sched_getscheduler(0);

    /* The mark cannot be taken back without a capability, and does no harm. */
    (void)sched_setscheduler(0, SCHED_OTHER | (policy >= 0 ? policy & SCHED_RESET_ON_FORK : 0),
                             &parameters);
}

static void raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_RTPRIO, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_RTPRIO, &limit);
    }
}

gboolean urgency_begin(GError **error)
{
    raise_limit();
    usual_nice = getpriority(PRIO_PROCESS, 0);
    /* GLib gives the threads of its shared pool what the thread has that makes the pool, which
     * tasks do when the type is made. Whoever was started by exec() may be urgent already. */
    set_usual();
    g_type_ensure(G_TYPE_TASK);

    /* The highest first: all or none. */
    if (!set_real_time(PRIORITY_LAST_KILL) || !set_real_time(PRIORITY_LEASES)) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_AUTHORIZED,
                          "Allow it: LimitRTPRIO=2 and no RestrictRealtime= in the unit, and CPU "
                          "time for real-time programs in its control group.",
                          "Deadlines are kept with usual priority only: no real-time priority is "
                          "given (%s).",
                          g_strerror(errno));
        set_usual();
        return FALSE;
    }
    /* The main loop itself has much to do that is not urgent: it would keep those who are signalled
     * from a processor until it has told the log and the bus about all of them. */
    set_usual();
    atomic_store(&has_begun, TRUE);
    return TRUE;
}

void urgency_take(Urgency urgency)
{
    if (!atomic_load(&has_begun))
        return;
    switch (urgency) {
    case URGENCY_USUAL:
        set_usual();
        /* Of this thread alone, on Linux. */
        (void)setpriority(PRIO_PROCESS, 0, usual_nice);
        break;
    case URGENCY_LEASES:
        (void)set_real_time(PRIORITY_LEASES);
        break;
    case URGENCY_LAST_KILL:
        (void)set_real_time(PRIORITY_LAST_KILL);
        break;
    }
}
