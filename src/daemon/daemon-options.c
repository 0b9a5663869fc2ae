/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GOption for bailiffd.
 */
#include "daemon/daemon-options.h"

#include <glib/gi18n.h>

void daemon_options_clear(DaemonOptions *options)
{
    g_free(options->host_name);
    g_free(options->runtime_dir);
    g_free(options->config);
    g_free(options->state_dir);
    g_free(options->records_dir);
}

/* For a person at the other end: the cause and the cure, each on its own line. */
static void print_error(const char *message)
{
    g_printerr("bailiffd: %s\n", message);
}

gboolean daemon_options_parse(DaemonOptions *options, int *argc, char ***argv, int *ret_status)
{
    const GOptionEntry entries[] = {
        { "host-name", 0, 0, G_OPTION_ARG_STRING, &options->host_name,
          N_("Name of this host in leases; unique among all hosts that share storage"),
          N_("NAME") },
        { "runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->runtime_dir,
          N_("Where held leases are written down"), N_("DIRECTORY") },
        { "config", 0, 0, G_OPTION_ARG_FILENAME, &options->config,
          N_("The configuration (default: /etc/bailiff/bailiffd.conf)"), N_("FILE") },
        { "state-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->state_dir,
          N_("Where incidents are kept"), N_("DIRECTORY") },
        { "records-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->records_dir,
          N_("Where lockspace records are (default: /etc/bailiff/lockspaces.d)"), N_("DIRECTORY") },
        { "system", 0, 0, G_OPTION_ARG_NONE, &options->system, N_("Use the system bus (default)"),
          NULL },
        { "session", 0, 0, G_OPTION_ARG_NONE, &options->session, N_("Use the session bus"), NULL },
        { "replace", 0, 0, G_OPTION_ARG_NONE, &options->replace,
          N_("Take the place of the bailiffd that runs; no lease is lost"), NULL },
        { "verbose", 0, 0, G_OPTION_ARG_NONE, &options->verbose, N_("Log more"), NULL },
        { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, N_("Show the version"), NULL },
        G_OPTION_ENTRY_NULL
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, GETTEXT_PACKAGE);
    g_option_context_set_summary(context, _("Keeps leases on shared storage."));
    *ret_status = 1;
    if (!g_option_context_parse(context, argc, argv, &error)) {
        print_error(error->message);
        return FALSE;
    }
    if (*argc > 1) {
        g_autofree char *text = g_strdup_printf(_("Unexpected argument: %s"), (*argv)[1]);
        print_error(text);
        return FALSE;
    }
    if (options->system && options->session) {
        print_error(_("Only one of --system and --session can be given."));
        return FALSE;
    }
    if (options->version) {
        g_print("bailiffd %s\n", BAILIFF_VERSION);
        *ret_status = 0;
        return FALSE;
    }
    return TRUE;
}
