/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl register: registers a process. The registration's number is all that is printed, so
 * that a script can catch it.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/policy-option.h"
#include "ctl/register-call.h"

/* Its properties, and how to find it again. */
static GVariant *described(BailiffBusRegistration *registration)
{
    const char *path = g_dbus_proxy_get_object_path(G_DBUS_PROXY(registration));
    GVariantDict dict;

    g_autoptr(GVariant) properties = g_variant_ref_sink(proxy_properties(registration));
    g_variant_dict_init(&dict, properties);
    g_variant_dict_insert(&dict, "Registration", "s", object_path_leaf(path));
    g_variant_dict_insert(&dict, "Path", "o", path);
    return g_variant_dict_end(&dict);
}

int command_register(CommandLine *line)
{
    g_autofree char *policy_text = NULL;
    gboolean descendants = FALSE;
    const GOptionEntry entries[] = {
        { "failure-policy", 0, 0, G_OPTION_ARG_STRING, &policy_text,
          N_("What to do when the lease is lost (default: signal TERM 10s, kill)"), N_("TEXT") },
        { "descendants", 0, 0, G_OPTION_ARG_NONE, &descendants,
          N_("Stand for all processes below it, too"), NULL },
        { NULL },
    };
    int status;
    if (!command_line_parse(line, entries, 2, 2, &status))
        return status;

    GError *error = NULL;
    FailurePolicy policy;
    guint64 pid;
    g_autoptr(BusClient) client = NULL;
    if (!command_line_number(line->words[0], "PID", 1, G_MAXINT32, &pid, &error) ||
        (policy_text && !policy_option_parse(&policy, policy_text, &error)) ||
        !(client = bus_client_new(&error)))
        return command_line_fail(error);
    g_autoptr(BailiffBusRegistration) registration = register_process(
        client, (pid_t)pid, line->words[1], policy_text ? &policy : NULL, descendants, &error);
    if (!registration)
        return command_line_fail(error);
    if (line->json)
        output_json(described(registration), FALSE);
    else
        output_line("%s",
                    object_path_leaf(g_dbus_proxy_get_object_path(G_DBUS_PROXY(registration))));
    return CTL_EXIT_OK;
}
