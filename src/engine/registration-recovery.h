/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a registration had to give up when its failure policy was walked, and how it comes back.
 *
 *   paused                leases noted and given up; then, by the policy's recovery:
 *     resume              lockspaces held again -> leases acquired, if nobody held them in between
 *                         -> resumed -> active; else powered off
 *     restart             lockspaces held again -> powered off -> as ended
 *     leave               stays paused
 *     resumed by others   leases acquired at once, if nobody held them in between -> active;
 *                         else paused again, or powered off, or killed
 *   ended, restart        lockspaces held again -> leases acquired -> started -> active
 *
 * "Nobody held it in between" is proved by the lease's version, which grows with each change of
 * owner: it is asked for at the version at which it was given up. A lease that was shared has none
 * to ask for; there the version that this host wins next must be the one after the one it had won
 * before, which errs on the right side.
 */
#pragma once

#include "engine/registration.h"

typedef struct Recovery Recovery;

void recovery_free(Recovery *self);

/* For people: "waits for lockspace vm". Owned by it. */
const char *recovery_describe(Recovery *self);
/* Its own acquisition is under way. */
gboolean recovery_is_acquiring(Recovery *self);
/* It would do something by itself when `lockspace` is held again. */
gboolean recovery_wants_lockspace(Recovery *self, const char *lockspace);

/* It was paused: what it holds is about to be given up. */
void recovery_note_paused(BailiffRegistration *registration);
/* It has ended: TRUE when it is to be started again, with what it holds now or had given up. */
gboolean recovery_note_ended(BailiffRegistration *registration, gboolean was_failing);

/* Something has changed: goes on if it can. */
void recovery_consider(BailiffRegistration *registration);
/* A failure policy begins: what is under way is stopped, what was given up stays known. */
void recovery_interrupt(BailiffRegistration *registration);
/* Somebody has resumed or started it without having asked. */
void recovery_runs_by_others(BailiffRegistration *registration);

/* In a held record (held-record.h). Restoring: a registration without one stays so; FALSE when what
 * is there makes no sense. */
void recovery_save(Recovery *self, GKeyFile *record, const char *group);
gboolean recovery_restore(BailiffRegistration *registration, GKeyFile *record, const char *group);
gboolean recovery_record_is_paused(GKeyFile *record, const char *group);
gboolean recovery_record_is_ended(GKeyFile *record, const char *group);
