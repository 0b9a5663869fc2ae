/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl inspect: what lies at a place on storage. It is read only, and needs no lockspace to
 * be joined. All text in the answer comes from the disk.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "common/bailiff-error.h"
#include "ctl/bus-client.h"
#include "ctl/model-table.h"
#include "ctl/place-text.h"
#include "ctl/safe-text.h"
#include "ctl/size-text.h"

static const char *lookup_text(GVariant *info, const char *key)
{
    const char *text = "";
    (void)g_variant_lookup(info, key, "&s", &text);
    return text;
}

/* u or t. */
static unsigned long long lookup_number(GVariant *info, const char *key)
{
    guint32 narrow = 0;
    guint64 wide = 0;
    if (g_variant_lookup(info, key, "u", &narrow))
        return narrow;
    (void)g_variant_lookup(info, key, "t", &wide);
    return wide;
}

static GVariant *lookup_list(GVariant *info, const char *key)
{
    GVariant *list = g_variant_lookup_value(info, key, G_VARIANT_TYPE("aa{sv}"));
    return list ? list : g_variant_ref_sink(g_variant_new("aa{sv}", NULL));
}

static void add_number(OutputTable *table, GVariant *info, const char *key)
{
    output_table_addf(table, TABLE_PLAIN, "%llu", lookup_number(info, key));
}

static void print_sizes(GVariant *info)
{
    char sector[SIZE_TEXT_MAX], area[SIZE_TEXT_MAX];
    size_text_print(sector, lookup_number(info, "sector-size"));
    size_text_print(area, lookup_number(info, "align-size"));
    unsigned long long max_hosts = lookup_number(info, "max-hosts");
    output_line(ngettext("  sectors of %s, areas of %s, at most %llu host",
                         "  sectors of %s, areas of %s, at most %llu hosts", max_hosts),
                sector, area, max_hosts);
}

static void print_lockspace(const Output *output, GVariant *info)
{
    g_autofree char *name = safe_text(lookup_text(info, "name"));
    output_heading(output, _("Lockspace %s"), name);
    print_sizes(info);
    output_line(_("  io timeout %llu s"), lookup_number(info, "io-timeout"));

    g_autoptr(GVariant) hosts = lookup_list(info, "hosts");
    g_autoptr(OutputTable) table =
        output_table_new(_(">HOST ID"), _("NAME"), _(">GENERATION"), _(">TIMESTAMP"),
                         _(">IO TIMEOUT"), _("STATE"), NULL);
    for (gsize i = 0; i < g_variant_n_children(hosts); i++) {
        g_autoptr(GVariant) host = g_variant_get_child_value(hosts, i);
        const char *damage = lookup_text(host, "damage");
        add_number(table, host, "host-id");
        output_table_add(table, TABLE_PLAIN, lookup_text(host, "host-name"));
        add_number(table, host, "generation");
        add_number(table, host, "timestamp");
        output_table_addf(table, TABLE_PLAIN, _("%llu s"), lookup_number(host, "io-timeout"));
        if (damage[0])
            output_table_addf(table, TABLE_RED, _("damaged: %s"), damage);
        else if (lookup_number(host, "timestamp") == 0)
            output_table_add(table, TABLE_DIM, _("free"));
        else
            output_table_add(table, TABLE_PLAIN, _("in use, or not given back"));
    }
    if (output_table_n_rows(table) == 0)
        output_line("  %s", _("No host id was ever used."));
    else
        output_table(output, table, 2);
}

static void print_ballots(const Output *output, GVariant *info)
{
    g_autoptr(GVariant) ballots = lookup_list(info, "ballots");
    g_autoptr(OutputTable) table = output_table_new(
        _(">HOST ID"), _(">MBAL"), _(">BAL"), _(">OWNER"), _(">VERSION"), _("RELEASED"), NULL);
    for (gsize i = 0; i < g_variant_n_children(ballots); i++) {
        g_autoptr(GVariant) ballot = g_variant_get_child_value(ballots, i);
        gboolean released = FALSE;
        (void)g_variant_lookup(ballot, "released", "b", &released);
        add_number(table, ballot, "host-id");
        add_number(table, ballot, "mbal");
        add_number(table, ballot, "bal");
        add_number(table, ballot, "owner");
        add_number(table, ballot, "version");
        output_table_add(table, TABLE_PLAIN, released ? _("yes") : _("no"));
    }
    if (output_table_n_rows(table))
        output_table(output, table, 2);
}

static void print_owner(GVariant *info)
{
    const char *state = lookup_text(info, "state");
    unsigned long long owner = lookup_number(info, "owner-host-id");
    unsigned long long generation = lookup_number(info, "owner-generation");
    unsigned long long version = lookup_number(info, "version");
    if (g_strcmp0(state, "held") == 0)
        output_line(
            _("  held by host %llu, generation %llu, since second %llu of its clock; version "
              "%llu"),
            owner, generation, lookup_number(info, "timestamp"), version);
    else if (g_strcmp0(state, "free") == 0 && owner)
        output_line(_("  free; last owner host %llu, generation %llu; version %llu"), owner,
                    generation, version);
    else {
        g_autofree char *safe = safe_text(state);
        output_line(_("  %s; version %llu"), safe, version);
    }
}

static void print_resource(const Output *output, GVariant *info)
{
    g_autofree char *name = safe_text(lookup_text(info, "name"));
    g_autofree char *lockspace = safe_text(lookup_text(info, "lockspace"));
    output_heading(output, _("Resource %s of lockspace %s"), name, lockspace);
    print_sizes(info);
    print_owner(info);

    g_autoptr(GVariant) holders = lookup_list(info, "shared-by");
    for (gsize i = 0; i < g_variant_n_children(holders); i++) {
        g_autoptr(GVariant) holder = g_variant_get_child_value(holders, i);
        output_line(_("  shared by host %llu, generation %llu"), lookup_number(holder, "host-id"),
                    lookup_number(holder, "generation"));
    }
    print_ballots(output, info);
}

static void print_index(const Output *output, const StoragePlace *place, GVariant *info)
{
    g_autofree char *lockspace = safe_text(lookup_text(info, "lockspace"));
    output_heading(output, _("Resource index of lockspace %s"), lockspace);
    print_sizes(info);
    unsigned long long max_resources = lookup_number(info, "max-resources");
    output_line(ngettext("  at most %llu resource", "  at most %llu resources", max_resources),
                max_resources);

    g_autoptr(GVariant) resources = lookup_list(info, "resources");
    g_autoptr(OutputTable) table = output_table_new(_("RESOURCE"), _("PLACE"), _("ENTRY"), NULL);
    for (gsize i = 0; i < g_variant_n_children(resources); i++) {
        g_autoptr(GVariant) resource = g_variant_get_child_value(resources, i);
        g_autofree char *text = place_text(place->path, lookup_number(resource, "offset"));
        const char *damage = lookup_text(resource, "damage");
        output_table_add(table, TABLE_PLAIN, lookup_text(resource, "name"));
        output_table_add(table, TABLE_PLAIN, text);
        if (damage[0])
            output_table_addf(table, TABLE_RED, _("damaged: %s"), damage);
        else
            output_table_add(table, TABLE_PLAIN, _("good"));
    }
    if (output_table_n_rows(table) == 0)
        output_line("  %s", _("The index has no resource."));
    else
        output_table(output, table, 2);
}

/* Not what was looked for, but perhaps another thing. */
static gboolean may_be_another(const GError *error)
{
    return g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND) ||
           g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_CORRUPT) ||
           g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_UNSUPPORTED);
}

typedef gboolean (*InspectCall)(BailiffBusManager *manager, const gchar *path, guint64 offset,
                                GVariant *options, GDBusCallFlags flags, gint timeout_msec,
                                GVariant **ret_info, GCancellable *cancellable, GError **error);

static const struct {
    const char *name; /* in JSON */
    InspectCall call;
} kinds[] = {
    { "lockspace", bailiff_bus_manager_call_inspect_lockspace_sync },
    { "resource", bailiff_bus_manager_call_inspect_resource_sync },
    { "index", bailiff_bus_manager_call_inspect_index_sync },
};

/* Which error tells most. "Nothing here" of one kind tells less than "damaged" of another; a file
 * that does not exist makes all say the same. */
static void choose_error(const StoragePlace *place, GError *const *errors, guint n_errors,
                         GError **error)
{
    for (guint i = 0; i < n_errors; i++)
        if (!g_error_matches(errors[i], BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND)) {
            g_propagate_error(error, g_error_copy(errors[i]));
            return;
        }
    if (n_errors > 1 && g_strcmp0(errors[0]->message, errors[1]->message) != 0) {
        g_autofree char *text = place_text(place->path, place->offset);
        ctl_set_error(error, CTL_EXIT_ERROR,
                      _("Look at another offset, or write one with 'bailiffctl format-lockspace', "
                        "'bailiffctl format-resource' or 'bailiffctl format-index'."),
                      _("At %s is neither a lockspace nor a resource nor a resource index."), text);
        return;
    }
    g_propagate_error(error, g_error_copy(errors[0]));
}

/* One of the names above in *ret_kind. */
static GVariant *inspect(BusClient *client, const StoragePlace *place, const char **ret_kind,
                         GError **error)
{
    GError *errors[G_N_ELEMENTS(kinds)] = { NULL };
    GVariant *info = NULL;
    guint i = 0;

    for (; i < G_N_ELEMENTS(kinds) && (i == 0 || may_be_another(errors[i - 1])); i++)
        if (kinds[i].call(client->manager, place->path, place->offset, g_variant_new("a{sv}", NULL),
                          G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT,
                          &info, NULL, &errors[i])) {
            *ret_kind = kinds[i].name;
            break;
        }
    if (!info)
        choose_error(place, errors, i, error);
    for (guint k = 0; k < G_N_ELEMENTS(kinds); k++)
        g_clear_error(&errors[k]);
    return info;
}

int command_inspect(CommandLine *line)
{
    int status;
    if (!command_line_parse(line, NULL, 1, 1, &status))
        return status;

    GError *error = NULL;
    const char *kind = "";
    g_auto(StoragePlace) place = { 0 };
    g_autoptr(BusClient) client = NULL;
    g_autoptr(GVariant) info = NULL;
    if (!storage_place_parse(&place, line->words[0], &error) ||
        !(client = bus_client_new(&error)) || !(info = inspect(client, &place, &kind, &error)))
        return command_line_fail(error);

    if (line->json) {
        g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(info);
        g_variant_dict_insert(&dict, "kind", "s", kind);
        output_json(g_variant_dict_end(&dict), FALSE);
    } else if (g_strcmp0(kind, "lockspace") == 0) {
        print_lockspace(&line->output, info);
    } else if (g_strcmp0(kind, "index") == 0) {
        print_index(&line->output, &place, info);
    } else {
        print_resource(&line->output, info);
    }
    return CTL_EXIT_OK;
}
