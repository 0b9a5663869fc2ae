/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process, or a process and all processes below it (`descendants`, see process-tree.h): `signal`
 * goes to the process alone, which passes it on as it sees fit; `kill` goes to the descendants
 * first and to the process last, so that the tree cannot lose its root while members of it live.
 * What a root leaves behind that ends after prepare_to_fail() is killed at once, and the target has
 * ended when the last of that has.
 */
#pragma once

#include "actions/target.h"

#define BAILIFF_TYPE_PROCESS_TARGET (bailiff_process_target_get_type())
G_DECLARE_FINAL_TYPE(BailiffProcessTarget, bailiff_process_target, BAILIFF, PROCESS_TARGET,
                     BailiffTarget)

/* Takes over what is in `process`. */
BailiffTarget *bailiff_process_target_new(ProcessIdentity *process, gboolean descendants);

/* The one that a held record (fill_record) tells of, of this boot. NotFound when it has ended,
 * Corrupt when the record makes no sense. */
BailiffTarget *bailiff_process_target_restore(GKeyFile *file, const char *group, GError **error);

/* TRUE when the process that a held record tells of (keys Pid and StartTime) has ended for certain;
 * FALSE also when it tells of none. */
gboolean bailiff_process_target_record_has_ended(GKeyFile *file, const char *group);
