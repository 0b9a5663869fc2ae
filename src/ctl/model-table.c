/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/model-table.h"

#include <glib/gi18n.h>

#include "base/checked-time.h"
#include "ctl/policy-option.h"
#include "ctl/size-text.h"

TableColor state_color(const char *state)
{
    static const struct {
        const char *state;
        TableColor color;
    } colors[] = {
        { "held", TABLE_GREEN },      { "live", TABLE_GREEN },         { "active", TABLE_GREEN },
        { "joining", TABLE_CYAN },    { "leaving", TABLE_CYAN },       { "releasing", TABLE_CYAN },
        { "late", TABLE_YELLOW },     { "fail", TABLE_YELLOW },        { "failing", TABLE_RED },
        { "lost", TABLE_RED },        { "dead", TABLE_RED },           { "disarmed", TABLE_YELLOW },
        { "free", TABLE_DIM },        { "cleared", TABLE_DIM },        { "ongoing", TABLE_RED },
        { "recovered", TABLE_GREEN }, { "overdue", TABLE_RED },        { "ignored", TABLE_YELLOW },
        { "uncleared", TABLE_RED },   { "interrupted", TABLE_YELLOW }, { "waiting", TABLE_YELLOW },
        { "failed", TABLE_RED },      { "refused", TABLE_RED },        { "idle", TABLE_DIM },
        { "armed", TABLE_GREEN },     { "firing", TABLE_RED },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(colors); i++)
        if (g_strcmp0(state, colors[i].state) == 0)
            return colors[i].color;
    return TABLE_PLAIN;
}

OutputTable *hosts_table(GPtrArray *hosts, guint64 now_us)
{
    OutputTable *table = output_table_new(_(">HOST ID"), _("NAME"), _("STATE"), _(">GENERATION"),
                                          _(">LAST SEEN"), _(">IO TIMEOUT"), NULL);
    for (guint i = 0; i < hosts->len; i++) {
        BailiffBusHost *host = hosts->pdata[i];
        const char *state = bailiff_bus_host_get_state(host);
        guint64 seen_us = bailiff_bus_host_get_last_seen_usec(host);
        output_table_addf(table, TABLE_PLAIN, "%" G_GUINT64_FORMAT,
                          bailiff_bus_host_get_host_id(host));
        output_table_add(table, TABLE_PLAIN, bailiff_bus_host_get_host_name(host));
        output_table_add(table, state_color(state), state);
        output_table_addf(table, TABLE_PLAIN, "%" G_GUINT64_FORMAT,
                          bailiff_bus_host_get_generation(host));
        g_autofree char *seen = seen_us ? span_text(time_since(now_us, seen_us)) : NULL;
        if (seen)
            output_table_addf(table, TABLE_PLAIN, _("%s ago"), seen);
        else
            output_table_add(table, TABLE_PLAIN, _("never"));
        output_table_addf(table, TABLE_PLAIN, _("%u s"), bailiff_bus_host_get_io_timeout(host));
    }
    return table;
}

char *place_text(const char *path, guint64 offset)
{
    char text[SIZE_TEXT_MAX];
    size_text_print(text, offset);
    return g_strdup_printf("%s:%s", path ? path : "", text);
}

/* "NAME, pid PID", or the object path's number when the registration has gone meanwhile. */
static char *holder_text(BusClient *client, const char *path)
{
    if (!path || path[0] != '/')
        return g_strdup("");
    g_autoptr(GDBusInterface) proxy =
        g_dbus_object_manager_get_interface(client->objects, path, BUS_INTERFACE("Registration"));
    if (!proxy)
        return g_strdup(object_path_leaf(path));
    BailiffBusRegistration *registration = BAILIFF_BUS_REGISTRATION(proxy);
    return g_strdup_printf(_("%s (pid %u)"), bailiff_bus_registration_get_name(registration),
                           bailiff_bus_registration_get_pid(registration));
}

static char *holders_text(BusClient *client, BailiffBusResource *resource)
{
    const char *const *paths = bailiff_bus_resource_get_registrations(resource);
    g_autoptr(GString) text = g_string_new(NULL);
    for (gsize i = 0; paths && paths[i]; i++) {
        g_autofree char *holder = holder_text(client, paths[i]);
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", holder);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

OutputTable *resources_table(BusClient *client, GPtrArray *resources)
{
    OutputTable *table = output_table_new(_("RESOURCE"), _("STATE"), _("MODE"), _(">VERSION"),
                                          _("HOLDER"), _("PLACE"), NULL);
    for (guint i = 0; i < resources->len; i++) {
        BailiffBusResource *resource = resources->pdata[i];
        const char *state = bailiff_bus_resource_get_state(resource);
        g_autofree char *holder = bailiff_bus_resource_get_orphan(resource)
                                      ? g_strdup(_("(orphan)"))
                                      : holders_text(client, resource);
        g_autofree char *place = place_text(bailiff_bus_resource_get_path(resource),
                                            bailiff_bus_resource_get_offset(resource));
        output_table_add(table, TABLE_PLAIN, bailiff_bus_resource_get_name(resource));
        output_table_add(table, state_color(state), state);
        output_table_add(table, TABLE_PLAIN, bailiff_bus_resource_get_mode(resource));
        if (bailiff_bus_resource_get_version(resource) == 0)
            output_table_add(table, TABLE_PLAIN, ""); /* shared: it has none */
        else
            output_table_addf(table, TABLE_PLAIN, "%" G_GUINT64_FORMAT,
                              bailiff_bus_resource_get_version(resource));
        output_table_add(table, TABLE_PLAIN, holder);
        output_table_add(table, TABLE_PLAIN, place);
    }
    return table;
}

OutputTable *registrations_table(GPtrArray *registrations)
{
    OutputTable *table = output_table_new(_(">REGISTRATION"), _("NAME"), _("STATE"), _(">PID"),
                                          _(">UID"), _(">LEASES"), _("FAILURE POLICY"), NULL);
    for (guint i = 0; i < registrations->len; i++) {
        BailiffBusRegistration *registration = registrations->pdata[i];
        const char *state = bailiff_bus_registration_get_state(registration);
        const char *const *resources = bailiff_bus_registration_get_resources(registration);
        g_autofree char *policy =
            policy_variant_text(bailiff_bus_registration_get_failure_policy(registration),
                                bailiff_bus_registration_get_on_recovery(registration));
        output_table_add(
            table, TABLE_PLAIN,
            object_path_leaf(g_dbus_proxy_get_object_path(G_DBUS_PROXY(registration))));
        output_table_add(table, TABLE_PLAIN, bailiff_bus_registration_get_name(registration));
        output_table_add(table, state_color(state), state);
        output_table_addf(table, TABLE_PLAIN, "%u", bailiff_bus_registration_get_pid(registration));
        output_table_addf(table, TABLE_PLAIN, "%u", bailiff_bus_registration_get_uid(registration));
        output_table_addf(table, TABLE_PLAIN, "%u",
                          resources ? g_strv_length((char **)resources) : 0);
        output_table_add(table, TABLE_PLAIN, policy);
    }
    return table;
}

GVariant *registration_to_variant(gpointer registration)
{
    const char *path = g_dbus_proxy_get_object_path(registration);
    g_autoptr(GVariant) properties = g_variant_ref_sink(proxy_properties(registration));
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(properties);

    g_variant_dict_insert(&dict, "Registration", "o", path);
    g_variant_dict_insert(&dict, "Number", "t", g_ascii_strtoull(object_path_leaf(path), NULL, 10));
    return g_variant_dict_end(&dict);
}

GVariant *registrations_to_variant(GPtrArray *registrations)
{
    g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));

    for (guint i = 0; i < registrations->len; i++)
        g_variant_builder_add_value(&builder, registration_to_variant(registrations->pdata[i]));
    return g_variant_builder_end(&builder);
}

GVariant *proxies_to_variant(GPtrArray *proxies)
{
    g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < proxies->len; i++)
        g_variant_builder_add_value(&builder, proxy_properties(proxies->pdata[i]));
    return g_variant_builder_end(&builder);
}
