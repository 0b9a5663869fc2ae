/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl status: everything at one look.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "base/checked-time.h"
#include "common/boottime.h"
#include "ctl/model-table.h"
#include "ctl/safe-text.h"

static void print_json(BusClient *client, GPtrArray *lockspaces, GPtrArray *registrations)
{
    GVariantBuilder list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < lockspaces->len; i++) {
        const char *path = g_dbus_proxy_get_object_path(lockspaces->pdata[i]);
        g_autoptr(GPtrArray) hosts = bus_client_hosts(client, path);
        g_autoptr(GPtrArray) resources = bus_client_resources(client, path);
        g_autoptr(GVariant) properties = g_variant_ref_sink(proxy_properties(lockspaces->pdata[i]));
        g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(properties);
        g_variant_dict_insert_value(&dict, "Hosts", proxies_to_variant(hosts));
        g_variant_dict_insert_value(&dict, "Resources", proxies_to_variant(resources));
        g_variant_builder_add_value(&list, g_variant_dict_end(&dict));
    }
    GVariantBuilder status;
    g_variant_builder_init(&status, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&status, "{sv}", "Manager", proxy_properties(client->manager));
    g_variant_builder_add(&status, "{sv}", "BootTimeUsec", g_variant_new_uint64(boottime_now()));
    g_variant_builder_add(&status, "{sv}", "Lockspaces", g_variant_builder_end(&list));
    g_variant_builder_add(&status, "{sv}", "Registrations",
                          registrations_to_variant(registrations));
    output_json(g_variant_builder_end(&status), FALSE);
}

/* What stands behind the leases; where nothing does, why, and what to do. */
static void print_watchdog(const Output *output, BailiffBusManager *manager)
{
    const char *description = bailiff_bus_manager_get_watchdog_description(manager);
    const char *state = bailiff_bus_manager_get_watchdog_state(manager);
    g_auto(GStrv) lines = g_strsplit(description != NULL ? description : "", "\n", 0);

    if (g_strcmp0(state, "idle") == 0)
        return;
    for (gsize i = 0; lines[i]; i++) {
        g_autofree char *safe = safe_text(lines[i]);
        g_autofree char *shown =
            colored_text(i == 0 ? state_color(state) : TABLE_PLAIN, safe, output->color);
        output_line("  %s", shown);
    }
}

/* What is in the configuration and does not count. */
static void print_pending(BailiffBusManager *manager)
{
    const char *const *settings = bailiff_bus_manager_get_pending_settings(manager);

    for (; settings && *settings; settings++) {
        g_autofree char *safe = safe_text(*settings);
        g_autofree char *line =
            g_strdup_printf(_("%s counts from the next start of bailiffd."), safe);

        output_line("  %s", line);
    }
}

/* They are no lockspaces that could be listed. */
static void print_forsaken(const Output *output, BailiffBusManager *manager)
{
    const char *const *names = bailiff_bus_manager_get_forsaken_lockspaces(manager);

    for (gsize i = 0; names != NULL && names[i] != NULL; i++) {
        g_autofree char *name = safe_text(names[i]);
        g_autofree char *line = g_strdup_printf(
            _("lockspace %s cannot be read: whoever may hold leases there is being stopped"), name);
        g_autofree char *shown = colored_text(TABLE_RED, line, output->color);

        output_line("  %s", shown);
    }
}

static void print_manager(const Output *output, BusClient *client)
{
    g_autofree char *version = safe_text(bailiff_bus_manager_get_version(client->manager));
    g_autofree char *host = safe_text(bailiff_bus_manager_get_host_name(client->manager));
    const char *watchdog_state = bailiff_bus_manager_get_watchdog_state(client->manager);
    g_autofree char *watchdog = safe_text(watchdog_state);
    g_autofree char *shown = colored_text(state_color(watchdog_state), watchdog, output->color);
    output_line(_("bailiffd %s on %s, watchdog %s"), version, host, shown);
    print_watchdog(output, client->manager);
    print_forsaken(output, client->manager);
    print_pending(client->manager);
}

/* There is no way back to held. Its host lease is renewed all the same, once the storage answers,
 * for as long as somebody uses what it stands for: so the fail deadline that is told goes on
 * moving. */
static gboolean has_failed(BailiffBusLockspace *lockspace)
{
    return g_strcmp0(bailiff_bus_lockspace_get_state(lockspace), "failing") == 0;
}

static void add_margin(OutputTable *table, BailiffBusLockspace *lockspace, guint64 now_us)
{
    guint64 fail_us = bailiff_bus_lockspace_get_fail_at_usec(lockspace);
    if (has_failed(lockspace)) {
        output_table_add(table, TABLE_RED, _("has failed"));
        return;
    }
    /* A lockspace that is lost, or whose join failed, fails no more, whatever the clock says. */
    if (fail_us == 0 || g_strcmp0(bailiff_bus_lockspace_get_state(lockspace), "lost") == 0) {
        output_table_add(table, TABLE_PLAIN, "");
        return;
    }
    g_autofree char *margin = span_text(time_since(fail_us, now_us));
    output_table_add(table, fail_us <= now_us ? TABLE_RED : TABLE_PLAIN, margin);
}

static OutputTable *lockspaces_table(GPtrArray *lockspaces, guint64 now_us)
{
    OutputTable *table =
        output_table_new(_("LOCKSPACE"), _("STATE"), _(">HOST ID"), _(">GENERATION"),
                         _(">FAILS IN"), _(">IO TIMEOUT"), _("PLACE"), NULL);
    for (guint i = 0; i < lockspaces->len; i++) {
        BailiffBusLockspace *lockspace = lockspaces->pdata[i];
        const char *state = bailiff_bus_lockspace_get_state(lockspace);
        g_autofree char *place = place_text(bailiff_bus_lockspace_get_path(lockspace),
                                            bailiff_bus_lockspace_get_offset(lockspace));
        output_table_add(table, TABLE_PLAIN, bailiff_bus_lockspace_get_name(lockspace));
        output_table_add(table, state_color(state), state);
        output_table_addf(table, TABLE_PLAIN, "%" G_GUINT64_FORMAT,
                          bailiff_bus_lockspace_get_host_id(lockspace));
        output_table_addf(table, TABLE_PLAIN, "%" G_GUINT64_FORMAT,
                          bailiff_bus_lockspace_get_generation(lockspace));
        add_margin(table, lockspace, now_us);
        output_table_addf(table, TABLE_PLAIN, _("%u s"),
                          bailiff_bus_lockspace_get_io_timeout(lockspace));
        output_table_add(table, TABLE_PLAIN, place);
    }
    return table;
}

/* Why a lockspace is in trouble: the first line is the cause, the others what to do. */
static void print_reason(const Output *output, BailiffBusLockspace *lockspace)
{
    const char *reason = bailiff_bus_lockspace_get_reason(lockspace);
    if (!reason || !reason[0])
        return;
    g_auto(GStrv) lines = g_strsplit(reason, "\n", 0);
    for (gsize i = 0; lines[i]; i++) {
        g_autofree char *safe = safe_text(lines[i]);
        g_autofree char *shown = colored_text(
            i == 0 ? state_color(bailiff_bus_lockspace_get_state(lockspace)) : TABLE_PLAIN, safe,
            output->color);
        output_line("  %s", shown);
    }
    if (has_failed(lockspace))
        output_line("  %s",
                    _("It can be joined again when all who hold leases in it have ended, or "
                      "have let go of them."));
}

static void print_lockspace(const Output *output, BusClient *client, BailiffBusLockspace *lockspace,
                            guint64 now_us)
{
    const char *path = g_dbus_proxy_get_object_path(G_DBUS_PROXY(lockspace));
    g_autoptr(GPtrArray) hosts = bus_client_hosts(client, path);
    g_autoptr(GPtrArray) resources = bus_client_resources(client, path);
    g_autofree char *name = safe_text(bailiff_bus_lockspace_get_name(lockspace));
    const char *reason = bailiff_bus_lockspace_get_reason(lockspace);
    if (hosts->len == 0 && resources->len == 0 && !(reason && reason[0]))
        return;
    output_line("%s", "");
    output_heading(output, _("Lockspace %s"), name);
    print_reason(output, lockspace);
    if (hosts->len) {
        g_autoptr(OutputTable) table = hosts_table(hosts, now_us);
        output_table(output, table, 2);
    }
    if (resources->len) {
        g_autoptr(OutputTable) table = resources_table(client, resources);
        output_line("%s", "");
        output_table(output, table, 2);
    }
}

static void print_text(const Output *output, BusClient *client, GPtrArray *lockspaces,
                       GPtrArray *registrations)
{
    guint64 now_us = boottime_now();
    print_manager(output, client);
    output_line("%s", "");
    if (lockspaces->len) {
        g_autoptr(OutputTable) table = lockspaces_table(lockspaces, now_us);
        output_table(output, table, 0);
    } else {
        output_line("%s", _("No lockspace is joined."));
    }
    for (guint i = 0; i < lockspaces->len; i++)
        print_lockspace(output, client, lockspaces->pdata[i], now_us);
    if (registrations->len) {
        g_autoptr(OutputTable) table = registrations_table(registrations);
        output_line("%s", "");
        output_table(output, table, 0);
    } else {
        output_line("\n%s", _("Nobody is registered."));
    }
}

int command_status(CommandLine *line)
{
    int status;
    if (!command_line_parse(line, NULL, 0, 0, &status))
        return status;

    GError *error = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);
    if (!client || !bus_client_load(client, &error))
        return command_line_fail(error);
    g_autoptr(GPtrArray) lockspaces = bus_client_lockspaces(client);
    g_autoptr(GPtrArray) registrations = bus_client_registrations(client);
    if (line->json)
        print_json(client, lockspaces, registrations);
    else
        print_text(&line->output, client, lockspaces, registrations);
    return CTL_EXIT_OK;
}
