/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the unit target share.
 */
#pragma once

#include "actions/control-group.h"
#include "actions/systemd-calls.h"
#include "actions/unit-target.h"
#include "common/boottime-timer.h"

struct _BailiffUnitTarget {
    BailiffTarget parent_instance;

    BailiffSystemd *systemd;
    char *unit;
    char *object_path;
    SystemdWatch *watch;

    char *group_path;        /* that systemd told last */
    ControlGroup *group;     /* NULL: there is none at the moment, or it cannot be opened */
    ProcessIdentity process; /* pidfd -1: none */

    gboolean ended;
    gboolean starting;         /* a start is asked for and not at its end */
    gboolean stopping;         /* a stop is asked for by a kill and not at its end */
    gboolean reading;          /* systemd is being asked how the unit is */
    gboolean read_again;       /* ... and what it answers is out of date already */
    gboolean empty_when_asked; /* the group was seen empty before it was asked */
    BoottimeTimer *retry;      /* looks again, where no event may come */
    GCancellable *cancellable; /* of what is asked of systemd; cancelled at its end */
};

/* Runs, in `group` (taken over). */
BailiffUnitTarget *unit_target_new(BailiffSystemd *systemd, const SystemdUnit *unit,
                                   const char *object_path, ControlGroup *group);

/* Takes over what systemd says of it now. FALSE with an error when it has a control group that
 * cannot be used. */
gboolean unit_target_take(BailiffUnitTarget *self, const SystemdUnit *unit, GError **error);

/* Looks whether it has ended. */
void unit_target_look(BailiffUnitTarget *self);
