/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policies of the recovery's own, by what is to be stopped.
 */
#include "engine/registration-stop.h"

#include "common/boottime.h"
#include "engine/registration-state.h"

static void walk_from_now(BailiffRegistration *self, const FailurePolicy *policy)
{
    registration_walk(self, policy, "", boottime_now());
}

void registration_pause_again(BailiffRegistration *self)
{
    static const FailurePolicy policy = {
        .steps = { { .action = FAILURE_ACTION_PAUSE, .grace_seconds = 10 },
                   { .action = FAILURE_ACTION_POWEROFF, .grace_seconds = 20 },
                   { .action = FAILURE_ACTION_KILL } },
        .n_steps = 3,
    };

    walk_from_now(self, &policy);
}

/* Somebody else may have written meanwhile: what it has in memory is worth nothing, and harm. So
 * the domain is not shut down, which would make it write. */
static void power_off(BailiffRegistration *self)
{
    static const FailurePolicy policy = {
        .steps = { { .action = FAILURE_ACTION_POWEROFF, .grace_seconds = 20 },
                   { .action = FAILURE_ACTION_KILL } },
        .n_steps = 2,
    };

    walk_from_now(self, &policy);
}

static gboolean is_unit(BailiffRegistration *self)
{
    return bailiff_target_get_kind(self->target) == FAILURE_TARGET_UNIT;
}

/* What a unit writes while it stops is covered by what it holds. */
void registration_stop_with_leases(BailiffRegistration *self)
{
    static const FailurePolicy of_unit = {
        .steps = { { .action = FAILURE_ACTION_STOP_UNIT, .grace_seconds = 20 },
                   { .action = FAILURE_ACTION_KILL } },
        .n_steps = 2,
    };

    if (is_unit(self))
        walk_from_now(self, &of_unit);
    else
        power_off(self);
}

/* A unit that is stopped as its file says goes on writing until it has ended, which nobody may who
 * has no lease. The kill asks systemd to stop it as well, so that it is not started again. */
void registration_stop_without_leases(BailiffRegistration *self)
{
    static const FailurePolicy of_unit = { .steps = { { .action = FAILURE_ACTION_KILL } },
                                           .n_steps = 1 };

    if (is_unit(self))
        walk_from_now(self, &of_unit);
    else
        power_off(self);
}
