/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each word is a ladder: what the word says comes first, and what makes sure comes behind it. The
 * graces add up to less than there is before other hosts may act; a pause gets fewer seconds than
 * the others since it takes one when libvirt answers, and a guest that libvirt cannot pause has to
 * be powered off in time.
 */
#include "ctl/lockfailure-policy.h"

#include <signal.h>

static void add(FailurePolicy *policy, FailureAction action, guint32 grace_seconds)
{
    policy->steps[policy->n_steps++] =
        (FailureStep){ .action = action,
                       .grace_seconds = grace_seconds,
                       .signal_number = action == FAILURE_ACTION_SIGNAL ? SIGTERM : 0 };
}

gboolean lockfailure_policy(DomainLockfailure word, FailurePolicy *ret)
{
    *ret = (FailurePolicy){ .on_recovery = FAILURE_RECOVERY_LEAVE };
    switch (word) {
    case DOMAIN_LOCKFAILURE_ABSENT:
        return FALSE;
    case DOMAIN_LOCKFAILURE_IGNORE:
        add(ret, FAILURE_ACTION_IGNORE, 0);
        return TRUE;
    case DOMAIN_LOCKFAILURE_DEFAULT:
        add(ret, FAILURE_ACTION_SIGNAL, 30);
        break;
    case DOMAIN_LOCKFAILURE_POWEROFF:
        add(ret, FAILURE_ACTION_POWEROFF, 30);
        break;
    case DOMAIN_LOCKFAILURE_RESTART:
        add(ret, FAILURE_ACTION_RESTART, 30);
        break;
    case DOMAIN_LOCKFAILURE_PAUSE:
        add(ret, FAILURE_ACTION_PAUSE, 10);
        add(ret, FAILURE_ACTION_POWEROFF, 20);
        ret->on_recovery = FAILURE_RECOVERY_RESUME;
        break;
    }
    add(ret, FAILURE_ACTION_KILL, 0);
    return TRUE;
}
