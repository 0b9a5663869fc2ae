/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A systemd unit: every process in its control group (cgroup v2), and what systemd says of it.
 *
 * It has ended when the kernel says that the control group holds no process (cgroup.events,
 * "populated 0") and systemd, asked after that, says that it is inactive or failed and has no job,
 * so that nothing is about to be started in it. While systemd does not answer it has not ended.
 */
#pragma once

#include "actions/systemd.h"
#include "actions/target.h"

/*
 * Signals:
 *   group-changed ()  its control group may be in another state (empty, frozen)
 */
#define BAILIFF_TYPE_UNIT_TARGET (bailiff_unit_target_get_type())
G_DECLARE_FINAL_TYPE(BailiffUnitTarget, bailiff_unit_target, BAILIFF, UNIT_TARGET, BailiffTarget)

/* Asks systemd for it, for ten seconds at the longest. InvalidArgument when `unit` is no name of a
 * service, scope or slice, NotFound when systemd has no such unit or it does not run, Unsupported
 * when it has no control group of its own in the unified hierarchy, or bailiffd runs in it, IoError
 * when systemd is not there, IoTimeout when it does not answer. */
void bailiff_unit_target_new_async(BailiffSystemd *systemd, const char *unit,
                                   GCancellable *cancellable, GAsyncReadyCallback callback,
                                   gpointer user_data);
BailiffTarget *bailiff_unit_target_new_finish(GAsyncResult *result, GError **error);

/* Its real name, also when it was registered by another one. */
const char *bailiff_unit_target_get_unit(BailiffUnitTarget *self);

/* Every process in its control group stands still, by the kernel's word. */
gboolean bailiff_unit_target_is_frozen(BailiffUnitTarget *self);

/* For the recovery: starts it again, after it has ended. Done when systemd says that it is active.
 * From the call on it counts as not ended, until that is proved anew: what systemd was asked for
 * may be done late. After five minutes it is given up (IoTimeout). Cancelled: the start goes on. */
void bailiff_unit_target_start_async(BailiffUnitTarget *self, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_unit_target_start_finish(BailiffUnitTarget *self, GAsyncResult *result,
                                          GError **error);

/* The one that a held record (fill_record) tells of, of this boot. `ended`: that was proved before,
 * and it waits to be started again; else whether it has is found out as ever. Corrupt. */
BailiffTarget *bailiff_unit_target_restore(BailiffSystemd *systemd, GKeyFile *file,
                                           const char *group, gboolean ended, GError **error);

/* TRUE when what a held record says of a unit (fill_record) is of one that has no process left. */
gboolean bailiff_unit_target_record_has_ended(GKeyFile *file, const char *group);
