/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line of bailiffd.
 */
#pragma once

#include <glib.h>

typedef struct DaemonOptions {
    char *host_name;
    char *runtime_dir;
    char *config;
    char *state_dir;
    char *records_dir;
    gboolean session;
    gboolean system;
    gboolean replace;
    gboolean verbose;
    gboolean version;
} DaemonOptions;

void daemon_options_clear(DaemonOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DaemonOptions, daemon_options_clear)

/* FALSE with the exit status when there is nothing more to do: what was wrong, or the version, has
 * been printed. */
gboolean daemon_options_parse(DaemonOptions *options, int *argc, char ***argv, int *ret_status);
