/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl register: registers a process, a unit or a domain. The registration's number is all
 * that is printed, so that a script can catch it.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/model-table.h"
#include "ctl/policy-option.h"
#include "ctl/register-call.h"

typedef struct RegisterOptions {
    char *unit;
    char *domain;
    char *policy_text;
    gboolean descendants;
} RegisterOptions;

static void register_options_clear(RegisterOptions *options)
{
    g_free(options->unit);
    g_free(options->domain);
    g_free(options->policy_text);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RegisterOptions, register_options_clear)

/* What kind of thing is registered decides which words there are. FALSE: `ret_status`. */
static gboolean check_words(CommandLine *line, const RegisterOptions *options, int *ret_status)
{
    guint n_words = g_strv_length(line->words);
    gboolean is_process = !options->unit && !options->domain;

    if (options->unit && options->domain)
        *ret_status = command_line_usage(line, _("Only one of --unit and --domain can be given."));
    else if (is_process && n_words != 2)
        *ret_status = command_line_usage(line, _("A process needs its PID and a NAME."));
    else if (!is_process && n_words > 1)
        *ret_status = command_line_usage(line, _("With --unit or --domain there is only a NAME."));
    else if (!is_process && options->descendants)
        *ret_status = command_line_usage(line, _("--descendants is for a process."));
    else
        return TRUE;
    return FALSE;
}

static BailiffBusRegistration *do_register(CommandLine *line, const RegisterOptions *options,
                                           GError **error)
{
    FailurePolicy parsed;
    const FailurePolicy *policy = options->policy_text ? &parsed : NULL;
    guint64 pid = 0;
    g_autoptr(BusClient) client = NULL;

    if (!options->unit && !options->domain &&
        !command_line_number(line->words[0], _("PID"), 1, G_MAXINT32, &pid, error))
        return NULL;
    if ((policy && !policy_option_parse(&parsed, options->policy_text, error)) ||
        !(client = bus_client_new(error)))
        return NULL;
    if (options->unit)
        return register_unit(client, options->unit, line->words[0], policy, error);
    if (options->domain)
        return register_domain(client, options->domain, line->words[0], policy, error);
    return register_process(client, (pid_t)pid, line->words[1], policy, options->descendants,
                            error);
}

int command_register(CommandLine *line)
{
    g_auto(RegisterOptions) options = { 0 };
    const GOptionEntry entries[] = {
        { "unit", 0, 0, G_OPTION_ARG_STRING, &options.unit,
          N_("Register this unit of systemd instead of a process"), N_("UNIT") },
        { "domain", 0, 0, G_OPTION_ARG_STRING, &options.domain,
          N_("Register this domain of libvirt instead of a process"), N_("UUID") },
        { "failure-policy", 0, 0, G_OPTION_ARG_STRING, &options.policy_text,
          N_("What to do when the lease is lost (default: as bailiffd.conf(5) says)"), N_("TEXT") },
        { "descendants", 0, 0, G_OPTION_ARG_NONE, &options.descendants,
          N_("Stand for all processes below it, too"), NULL },
        { NULL },
    };
    GError *error = NULL;
    int status;

    if (!command_line_parse(line, entries, 0, 2, &status) || !check_words(line, &options, &status))
        return status;
    g_autoptr(BailiffBusRegistration) registration = do_register(line, &options, &error);
    if (!registration)
        return command_line_fail(error);
    if (line->json)
        output_json(registration_to_variant(registration), FALSE);
    else
        output_line("%s",
                    object_path_leaf(g_dbus_proxy_get_object_path(G_DBUS_PROXY(registration))));
    return CTL_EXIT_OK;
}
