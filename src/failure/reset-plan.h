/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When a watchdog has to reset this host: what is fed to its timer, from the freshness of leases
 * and nothing else.
 *
 * Each lockspace has a fail deadline, which each good renewal moves on. Counted from there:
 *
 *   fail                 failure policies start
 *   fail + 40            the end of every policy's budget: the last kill (failure-policy.h)
 *   fail + 50            the watchdog may fire from here on, and not before: what was killed has
 * had its time to go fail + 55            the reset deadline: what is aimed at fail + 60  free
 * other hosts may take over (lease/lease-timing.h)
 *
 * The five seconds behind the reset deadline are for what is not known of a device: how coarse its
 * timer is, how fast its clock runs, how long a reset takes; those before it for what is known: the
 * timer takes whole seconds, which are rounded down.
 *
 * There is one deadline over all lockspaces: the earliest reset deadline of those that are not
 * safe. The rule is that the timer never runs past it:
 *
 *   runs until = the earlier of (now + the device's timeout, the reset deadline)
 *
 * As long as leases are fresh that is the device's timeout, fed again and again. When they are not,
 * the timer is set to what is left until the deadline, each second anew, since the kernel feeds it
 * a last time when whoever feeds is killed: with what it was set to, so that must not be much more
 * than what is left. In its last seconds it is left alone. No history enters into
 * it: a lockspace that is cleared leaves the minimum, and the timer is set by those that remain. So
 * troubles of several lockspaces that follow upon each other do not add up, however long it goes
 * on: with a timer that is merely not fed any more, the first of them would have set the time of
 * the reset for all.
 *
 * Who feeds may stand still at any moment, and for ever: the timer was set beforehand not to run
 * past the deadline that was known, and deadlines only ever move on by a renewal or by proof that a
 * lockspace is safe. Not by its failing, whenever that is noticed.
 *
 * Who feeds may also be killed and be followed by another one, again and again. The timer that the
 * follower finds was set by the same rule. Where it can be set to the deadline it is. Where that is
 * too near, or over, any setting would put the reset off, each follower's anew: it is left to
 * fire by itself, and set only when it must have fired if it ran at all.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/checked-time.h"

/* Seconds after a fail deadline; see above. */
#define RESET_EARLIEST_SECONDS 50u
#define RESET_AIM_SECONDS 55u
#define RESET_LATEST_SECONDS 60u

/* Between the last kill and the earliest reset, and as long when both turn out to be overdue. */
#define RESET_AFTER_KILL_SECONDS 10u

/* A lockspace of which nothing is known yet, or that is safe, has no reset deadline. */
#define RESET_SAFE TIME_NEVER

/* The reset deadline of a lockspace whose leases are good until `fail_us`. */
uint64_t reset_deadline(uint64_t fail_us);

/*
 * What counts as the fail deadline for the reset when a lockspace turns out to have failed at
 * `fail_us`, which may have passed long ago; `in_force_us`: what counted until now.
 *
 * A lease that turns out to be lost for a minute already is no reason to reset a host on which
 * everything is killed in this moment: it has ten seconds. But no more than it had: by the deadline
 * that was in force others may rely on the reset. So it stays when a main loop that stood still,
 * or a daemon that follows another one, notices late what that deadline has said all the time.
 */
uint64_t reset_fail_deadline(uint64_t in_force_us, uint64_t fail_us, uint64_t now_us);

/* A timer in hardware. */
typedef struct ResetTimer {
    uint32_t timeout;  /* seconds; what it is fed with as long as all is well */
    uint32_t shortest; /* seconds; less than that it cannot be trusted to take */
    uint32_t set;      /* seconds; what it is set to now; 0: not known */
    uint64_t fires_us; /* the latest moment at which it fires as it is set now */
    uint64_t found_us; /* when it was found, perhaps running; 0: it was set since then */
} ResetTimer;

typedef struct ResetStep {
    uint32_t seconds; /* run for so long from now on; 0: it is to be left alone */
    uint64_t next_us; /* look again then, if no deadline changes before */
} ResetStep;

/* What to do now, with the earliest reset deadline of all lockspaces. */
ResetStep reset_plan(const ResetTimer *timer, uint64_t deadline_us, uint64_t now_us);

/* How often a timer is fed, in microseconds: often enough that whoever takes over from a feeder
 * that has died finds nearly the whole timeout left. */
uint64_t reset_feed_interval(uint32_t timeout);
