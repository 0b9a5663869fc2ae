/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Restarting a unit, its first half: it is stopped now. It is started again when its leases have
 * been granted anew, by the recovery (bailiff_unit_target_start_async).
 */
#include "actions/action-functions.h"

void action_restart_unit_start(const ActionServices *services, const ActionRequest *request,
                               GTask *task)
{
    action_stop_unit_start(services, request, task);
}
