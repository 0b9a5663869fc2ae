/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the end of a program means, in words.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "actions/launcher-message.h"

/* TRUE when it has ended well. Else FALSE with an error of launcher_run_async(). `answer` is sound;
 * `path` and `uid` are the program's; `checked`: it was looked at and not run. */
gboolean launcher_answer_is_good(const LauncherAnswer *answer, const char *path, uid_t uid,
                                 gboolean checked, GError **error);

/* The limit came before the end. */
void launcher_set_time_out(GError **error, const char *path, gboolean checked);
