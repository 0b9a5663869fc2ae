/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The launcher: a small process that starts programs for the daemon, ends them at their limit, and
 * reports how they ended. It knows neither policies nor registrations.
 */
#pragma once

/* Of the executable that is the launcher when it is called so, with the descriptor of its end of
 * the socket as the one word after it. */
#define LAUNCHER_OPTION "--launcher"

/* Serves the socket until the daemon ends, whereupon it kills what it has started. Returns the exit
 * status. To be called before anything else is done in the process: it takes over signals and
 * closes all descriptors but `socket_fd` and the first three. */
int launcher_process_main(int socket_fd);

/* The same with the descriptor as the word that it is on the command line. */
int launcher_process_main_of_word(const char *word);
