/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl libvirt-hook: what libvirt runs at each turn of a domain's life, with the domain's
 * description on the standard input (https://libvirt.org/hooks.html).
 *
 * What libvirt 9.0 calls: "prepare begin" before anything of a start, whose failure keeps the
 * domain from starting; "release end" as the last thing of an end, and of every start that failed,
 * also when it was "prepare" that refused it. At "prepare" a domain that comes from a saved image
 * or from another host is no different from others. All else (start, started, stopped, reconnect,
 * migrate, restore, attach) is of no interest here. Nothing may be printed on the standard output,
 * where libvirt looks for a changed description.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>
#include <string.h>

#include "ctl/domain-registration.h"
#include "ctl/standard-input.h"

static DomainXml *read_domain(const char *name, GError **error)
{
    g_autoptr(GBytes) input = standard_input_read(
        DOMAIN_XML_MAX_BYTES, _("It has to be the description of one domain."), error);
    g_autoptr(DomainXml) domain = NULL;

    if (!input ||
        !(domain = domain_xml_parse(g_bytes_get_data(input, NULL), g_bytes_get_size(input), error)))
        return NULL;
    if (strcmp(domain->name, name) != 0) {
        ctl_set_error(error, CTL_EXIT_USAGE,
                      _("The first argument is the name of the domain on the standard input."),
                      _("The description is that of the domain '%s', not of '%s'."), domain->name,
                      name);
        return NULL;
    }
    return g_steal_pointer(&domain);
}

int command_libvirt_hook(CommandLine *line)
{
    int status;
    GError *error = NULL;
    g_autoptr(DomainXml) domain = NULL;

    if (!command_line_parse(line, NULL, 0, 4, &status))
        return status;
    /* A domain's name may look like an option: it stands behind "--" then. */
    char **words = line->rest ? line->rest : line->words;
    if (g_strv_length(words) != 4 || (line->rest && line->n_words > 0))
        return command_line_usage(line, _("The hook of libvirt gets four words."));
    gboolean starts = strcmp(words[1], "prepare") == 0 && strcmp(words[2], "begin") == 0;
    gboolean ends = strcmp(words[1], "release") == 0 && strcmp(words[2], "end") == 0;
    if (!starts && !ends)
        return CTL_EXIT_OK;
    domain = read_domain(words[0], &error);
    if (!domain)
        return command_line_fail(error);
    /* Most domains have no leases: bailiffd need not even run for them. */
    if (domain->leases->len == 0)
        return CTL_EXIT_OK;
    if (!(starts ? domain_registration_start(domain, &error)
                 : domain_registration_end(domain->uuid, &error)))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}
