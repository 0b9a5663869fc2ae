/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A verb without arguments that prints all objects of one kind.
 */
#pragma once

#include "ctl/bus-client.h"
#include "ctl/command-line.h"

/* `list` gives those of the client, new; they are printed as JSON, or by `print_text`. Returns the
 * exit status. */
int list_command(CommandLine *line, GPtrArray *(*list)(BusClient *client),
                 void (*print_text)(const Output *output, GPtrArray *objects));
