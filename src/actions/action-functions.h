/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The actions that have a file of their own: their functions, for the table of action.c.
 */
#pragma once

#include "actions/action.h"

/* action-pause.c, action-poweroff.c, action-restart.c: of domains. */
void action_pause_start(const ActionServices *services, const ActionRequest *request, GTask *task);
void action_poweroff_start(const ActionServices *services, const ActionRequest *request,
                           GTask *task);
void action_restart_start(const ActionServices *services, const ActionRequest *request,
                          GTask *task);

void action_exec_start(const ActionServices *services, const ActionRequest *request, GTask *task);

/* action-signal.c */
void action_signal_start(const ActionServices *services, const ActionRequest *request, GTask *task);

/* action-kill.c: goes on by itself with what cannot be done at once, until it is cancelled. */
void action_kill_start(const ActionServices *services, const ActionRequest *request, GTask *task);

/* Of units. action-stop-unit.c, action-restart-unit.c, action-freeze.c. */
void action_stop_unit_start(const ActionServices *services, const ActionRequest *request,
                            GTask *task);
void action_restart_unit_start(const ActionServices *services, const ActionRequest *request,
                               GTask *task);
void action_freeze_start(const ActionServices *services, const ActionRequest *request, GTask *task);

/* action-host.c: of the host itself, by logind. */
void action_host_poweroff_start(const ActionServices *services, const ActionRequest *request,
                                GTask *task);
void action_host_reboot_start(const ActionServices *services, const ActionRequest *request,
                              GTask *task);
