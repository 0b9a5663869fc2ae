/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the launcher's child does between fork() and execve(): it becomes a program's user in
 * surroundings that have nothing of the daemon's.
 *
 * The user's groups are looked up here, where the look-up may hang: the child is killed at its
 * limit, and nobody else waits for it.
 */
#pragma once

#include <sys/types.h>

#include "actions/launcher-message.h"

/* In memory that the child shares with the launcher: what went wrong before the program ran. */
typedef struct LauncherFailure {
    volatile uint32_t stage;
    volatile int32_t error;
} LauncherFailure;

/* Of a sound request to run or check, in the child. `output_fd`: 3 or more; -1 to check.
 * `launcher`: the parent, without which it shall not live. */
__attribute__((noreturn)) void launcher_child_main(LauncherRequest *request, int output_fd,
                                                   pid_t launcher, LauncherFailure *failure);
