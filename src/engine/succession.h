/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking over what an earlier bailiffd of this boot has left: after a crash, after this program
 * executed itself anew, or when it was asked to take the place of another one.
 *
 * Which of these it was makes no difference, since what is written down is true at every instant
 * (saved-lockspace.h, saved-resource.h, held-record.h). In this order:
 *
 *   1. registrations are restored by what cannot be mistaken: pid and start time, control group,
 *      QEMU's pid file
 *   2. lockspaces and resources are restored, and count their deadlines: a lease that was not
 *      renewed for too long fails now, and its failure policies are walked, without any storage
 *   3. failure policies that were being walked go on at the step where they were
 *   4. when the earlier daemon is gone (it may be stuck in its storage for long) host leases are
 *      renewed and resources looked at: lockspace-saved.c
 *
 * What cannot be restored counts as held and unsafe. Of a lockspace that cannot be read, all who
 * may hold leases in it are made harmless (forsaken.h). A registration that cannot be read, or is
 * named as a holder and missing, may be anybody: what it holds stays held until somebody has looked
 * (unknown-holders.h, resource-unknown.c), and no lockspace is joined anew before.
 */
#pragma once

#include "engine/engine.h"

typedef struct Succession Succession;

/* Restores everything at once, and goes on by itself. Before anything is joined or registered. */
Succession *succession_new(BailiffEngine *engine);
void succession_free(Succession *self);
