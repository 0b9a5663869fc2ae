/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl drill --live: asks, then really walks the failure policy of one registration, and
 * shows how it goes.
 */
#pragma once

#include "ctl/command-line.h"

/* `word` is the registration; `yes`: its name, typed beforehand, or NULL to ask on the terminal.
 * Returns the exit status. */
int live_drill(CommandLine *line, const char *word, const char *yes);
