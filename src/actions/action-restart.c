/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Restarting a domain: off now, as poweroff does it. It is started again on recovery, once its
 * leases have been granted again (FAILURE_RECOVERY_RESTART).
 */
#include "actions/action-functions.h"

void action_restart_start(const ActionServices *services, const ActionRequest *request, GTask *task)
{
    action_poweroff_start(services, request, task);
}
