/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What may stand next on a command line: `bailiffctl complete -- WORD…`, which the completions of
 * bash, zsh and fish run. The last WORD is the one that is being typed, maybe empty; the others
 * stand before it, without the program's name.
 *
 * The verbs, their options and what their arguments are is told by the table of verbs and by the
 * verbs' own option tables, so that completion cannot know another verb or option than the program.
 *
 * Printed is one candidate a line: the whole word, and behind a tabulator what it is. The only
 * other line is ":command": what follows is a command line of its own. Nothing is printed on
 * errors, and it ends within two seconds, whatever hangs.
 */
#pragma once

#include "ctl/command-line.h"

int complete(const Command *commands, gsize n_commands, char **words);
