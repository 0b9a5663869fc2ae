/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl drill: what a loss of a lockspace's storage would lead to, second by second.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>
#include <string.h>

#include "base/checked-time.h"
#include "common/boottime.h"
#include "ctl/bus-client.h"
#include "ctl/exit-status.h"
#include "ctl/live-drill.h"
#include "ctl/safe-text.h"

static TableColor event_color(const char *event)
{
    if (strcmp(event, "late") == 0)
        return TABLE_YELLOW;
    return strcmp(event, "step") == 0 ? TABLE_PLAIN : TABLE_RED;
}

/* "vm1 (7)": the names of registrations need not differ. */
static char *who_text(GVariant *event)
{
    const char *name = "", *path;

    (void)g_variant_lookup(event, "name", "&s", &name);
    if (!g_variant_lookup(event, "registration", "&o", &path))
        return g_strdup("");
    return g_strdup_printf("%s (%s)", name, object_path_leaf(path));
}

/* How the effect of a step is known. */
static const char *proof_text(GVariant *event)
{
    const char *proof = "";

    (void)g_variant_lookup(event, "proof", "&s", &proof);
    if (strcmp(proof, "checked") == 0)
        return _("checked");
    if (strcmp(proof, "end") == 0)
        return _("its end");
    return strcmp(proof, "none") == 0 ? _("nothing") : "";
}

static void add_seconds(OutputTable *table, double usec, gboolean with_sign)
{
    output_table_addf(table, TABLE_PLAIN, with_sign ? _("%+.0f s") : _("%.0f s"),
                      usec / (double)USEC_PER_SECOND);
}

static void add_event(OutputTable *table, GVariant *event, const char *word)
{
    const char *text = "";
    guint64 since_renewal_us = 0;
    gint64 since_fail_us = 0;
    g_autofree char *who = who_text(event);

    (void)g_variant_lookup(event, "text", "&s", &text);
    (void)g_variant_lookup(event, "since-renewal-usec", "t", &since_renewal_us);
    (void)g_variant_lookup(event, "since-fail-usec", "x", &since_fail_us);
    add_seconds(table, (double)since_renewal_us, FALSE);
    add_seconds(table, (double)since_fail_us, TRUE);
    output_table_add(table, event_color(word), word);
    output_table_add(table, TABLE_PLAIN, who);
    output_table_add(table, TABLE_PLAIN, proof_text(event));
    output_table_add(table, TABLE_PLAIN, text);
}

static void print_text(const Output *output, BailiffBusLockspace *lockspace, GVariant *events)
{
    g_autoptr(OutputTable) timeline = output_table_new(
        _(">RENEWAL"), _(">FAIL"), _("EVENT"), _("REGISTRATION"), _("PROOF"), _("WHAT"), NULL);
    g_autoptr(GString) left = g_string_new(NULL);
    g_autofree char *name = safe_text(bailiff_bus_lockspace_get_name(lockspace));

    for (gsize i = 0; i < g_variant_n_children(events); i++) {
        g_autoptr(GVariant) event = g_variant_get_child_value(events, i);
        const char *word = "", *text = "";

        (void)g_variant_lookup(event, "event", "&s", &word);
        (void)g_variant_lookup(event, "text", "&s", &text);
        if (strcmp(word, "left") == 0) {
            g_autofree char *safe = safe_text(text);
            g_string_append_printf(left, "  %s\n", safe);
        } else {
            add_event(timeline, event, word);
        }
    }
    output_heading(output, _("If the storage of %s was lost now, and nothing had any effect:"),
                   name);
    output_table(output, timeline, 2);
    output_line("%s", _("Seconds count from the start of the last good renewal, and from the fail "
                        "deadline."));
    if (left->len > 0) {
        g_string_truncate(left, left->len - 1);
        output_heading(output, "%s", _("What nothing here makes harmless:"));
        output_line("%s", left->str);
    }
}

static int drill_lockspace(CommandLine *line)
{
    GError *error = NULL;
    g_autoptr(BailiffBusLockspace) lockspace = NULL;
    g_autoptr(BusClient) client = NULL;
    g_autoptr(GVariant) events = NULL;

    if (!(client = bus_client_new(&error)) || !bus_client_load(client, &error) ||
        !(lockspace = bus_client_find_lockspace(client, line->words[0], &error)) ||
        !bailiff_bus_lockspace_call_drill_sync(lockspace, g_variant_new("a{sv}", NULL),
                                               G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                                               -1, &events, NULL, &error))
        return command_line_fail(error);
    if (line->json)
        output_json(events, FALSE);
    else
        print_text(&line->output, lockspace, events);
    return CTL_EXIT_OK;
}

int command_drill(CommandLine *line)
{
    gboolean live = FALSE;
    g_autofree char *yes = NULL;
    const GOptionEntry entries[] = {
        { "live", 0, 0, G_OPTION_ARG_NONE, &live,
          N_("Really walk the failure policy of a registration, named in place of the lockspace"),
          NULL },
        { "yes", 0, 0, G_OPTION_ARG_STRING, &yes,
          N_("With --live: do not ask; NAME has to be that of the registration"), N_("NAME") },
        { NULL },
    };
    int status;

    if (!command_line_parse(line, entries, 1, 1, &status))
        return status;
    if (live)
        return live_drill(line, line->words[0], yes);
    if (yes)
        return command_line_usage(line, _("--yes goes with --live only."));
    return drill_lockspace(line);
}
