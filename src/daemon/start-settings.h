/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The settings that are read once, when bailiffd starts: what a later configuration says of them
 * counts from the next start on, and whoever changed it is told which they are.
 */
#pragma once

#include "engine/config-file.h"

/* What a configuration says of each of them, to be compared later. */
char **start_settings_of(const ConfigFile *file);

/* Those that `file` says something else of than `then`, each as "[group] key"; never NULL. */
char **start_settings_changed(char **then, const ConfigFile *file);
