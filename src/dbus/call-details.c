/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the object that is called and the arguments, by their names in the interfaces.
 */
#include "dbus/call-details.h"

#include <limits.h>
#include <string.h>

#include "bailiff-bus-generated.h"
#include "dbus/object-path.h"

/* No name or path that means anything is longer. */
#define DETAIL_BYTES_MAX ((gsize)PATH_MAX)
/* Names have 48 bytes at most. */
#define RESOURCES_BYTES_MAX 65536u

static void add(GVariantDict *details, const char *key, const char *value)
{
    if (value != NULL && *value != '\0' && strlen(value) <= DETAIL_BYTES_MAX)
        g_variant_dict_insert_value(details, key, g_variant_new_string(value));
}

static void add_number(GVariantDict *details, const char *key, guint64 number)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, number);

    add(details, key, text);
}

static void add_object(GVariantDict *details, gpointer interface)
{
    if (BAILIFF_BUS_IS_LOCKSPACE(interface)) {
        add(details, "lockspace", bailiff_bus_lockspace_get_name(interface));
        add(details, "path", bailiff_bus_lockspace_get_path(interface));
    } else if (BAILIFF_BUS_IS_RECORD(interface)) {
        add(details, "lockspace", bailiff_bus_record_get_name(interface));
        add(details, "path", bailiff_bus_record_get_path(interface));
    } else if (BAILIFF_BUS_IS_RESOURCE(interface)) {
        add(details, "lockspace", bailiff_bus_resource_get_lockspace(interface));
        add(details, "resource", bailiff_bus_resource_get_name(interface));
        add(details, "path", bailiff_bus_resource_get_path(interface));
    } else if (BAILIFF_BUS_IS_HOST(interface)) {
        add_number(details, "host-id", bailiff_bus_host_get_host_id(interface));
    } else if (BAILIFF_BUS_IS_REGISTRATION(interface)) {
        add(details, "registration", bailiff_bus_registration_get_name(interface));
        add(details, "unit", bailiff_bus_registration_get_unit(interface));
        add(details, "domain", bailiff_bus_registration_get_domain(interface));
        add_number(details, "pid", bailiff_bus_registration_get_pid(interface));
        add_number(details, "uid", bailiff_bus_registration_get_uid(interface));
    }
}

/* A host is at .../lockspaces/NAME/hosts/ID. */
static void add_lockspace_of_host(GVariantDict *details, const char *object_path)
{
    g_auto(GStrv) parts = g_strsplit(object_path, "/", -1);
    guint n = g_strv_length(parts);
    g_autofree char *name = n >= 3 ? object_path_unescape(parts[n - 3]) : NULL;

    add(details, "lockspace", name);
}

/* The argument "name" is what the method is about. */
static const char *what_is_named(GDBusMethodInvocation *invocation, GVariantDict *details)
{
    if (g_str_has_prefix(g_dbus_method_invocation_get_method_name(invocation), "Register"))
        return "registration";
    return g_variant_dict_contains(details, "lockspace") ? "resource" : "lockspace";
}

static void add_argument(GVariantDict *details, GDBusMethodInvocation *invocation, const char *name,
                         GVariant *value)
{
    static const struct {
        const char *argument, *key; /* NULL: what_is_named() */
    } known[] = {
        { "path", "path" }, { "lockspace", "lockspace" }, { "resource", "resource" },
        { "unit", "unit" }, { "uuid", "domain" },         { "name", NULL },
        { "pid", "pid" },   { "host_id", "host-id" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        const char *key = known[i].key != NULL ? known[i].key : what_is_named(invocation, details);
        if (!g_str_equal(known[i].argument, name))
            continue;
        if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
            add(details, key, g_variant_get_string(value, NULL));
        else if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32))
            add_number(details, key, g_variant_get_uint32(value));
        else if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64))
            add_number(details, key, g_variant_get_uint64(value));
    }
}

/* What a record is to say from now on, which a rule may not want. */
static void add_changes(GVariantDict *details, GVariant *changes)
{
    const char *path;
    guint64 host_id;

    if (g_variant_lookup(changes, "path", "&s", &path))
        add(details, "path", path);
    if (g_variant_lookup(changes, "host-id", "t", &host_id))
        add_number(details, "host-id", host_id);
}

static void add_leases(GVariantDict *details, GVariant *leases)
{
    g_autoptr(GString) names = g_string_new(NULL);
    const char *lockspace, *resource, *path;
    const char *first_lockspace = NULL, *first_path = NULL;
    gboolean one_lockspace = TRUE, one_path = TRUE;
    GVariantIter iter;

    g_variant_iter_init(&iter, leases);
    while (
        g_variant_iter_next(&iter, "(&s&s&st@a{sv})", &lockspace, &resource, &path, NULL, NULL)) {
        first_lockspace = first_lockspace != NULL ? first_lockspace : lockspace;
        first_path = first_path != NULL ? first_path : path;
        one_lockspace = one_lockspace && g_str_equal(lockspace, first_lockspace);
        one_path = one_path && g_str_equal(path, first_path);
        if (names->len <= RESOURCES_BYTES_MAX && strlen(resource) <= DETAIL_BYTES_MAX)
            g_string_append_printf(names, "%s%s", names->len > 0 ? " " : "", resource);
    }
    if (one_lockspace)
        add(details, "lockspace", first_lockspace);
    if (one_path)
        add(details, "path", first_path);
    if (names->len > 0 && names->len <= RESOURCES_BYTES_MAX)
        g_variant_dict_insert_value(details, "resource", g_variant_new_string(names->str));
}

/* GVariantDict is of variants, the call wants strings. */
static GVariant *to_strings(GVariantDict *details)
{
    g_autoptr(GVariant) all = g_variant_ref_sink(g_variant_dict_end(details));
    GVariantBuilder builder;
    GVariantIter iter;
    const char *key;
    GVariant *value;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
    g_variant_iter_init(&iter, all);
    while (g_variant_iter_loop(&iter, "{&sv}", &key, &value))
        g_variant_builder_add(&builder, "{ss}", key, g_variant_get_string(value, NULL));
    return g_variant_ref_sink(g_variant_builder_end(&builder));
}

GVariant *call_details_new(GDBusMethodInvocation *invocation, gpointer interface)
{
    const GDBusMethodInfo *method = g_dbus_method_invocation_get_method_info(invocation);
    GVariant *arguments = g_dbus_method_invocation_get_parameters(invocation);
    GVariantDict details;

    g_variant_dict_init(&details, NULL);
    /* Of a property that is written, its name; what else there is to say is none of the known. */
    add(&details, "method",
        method != NULL ? method->name
                       : g_dbus_method_invocation_get_property_info(invocation)->name);
    add_object(&details, interface);
    if (BAILIFF_BUS_IS_HOST(interface))
        add_lockspace_of_host(&details, g_dbus_method_invocation_get_object_path(invocation));
    for (gsize i = 0; method != NULL && method->in_args != NULL && method->in_args[i] != NULL;
         i++) {
        g_autoptr(GVariant) value = g_variant_get_child_value(arguments, i);
        if (g_variant_is_of_type(value, G_VARIANT_TYPE("a(sssta{sv})")))
            add_leases(&details, value);
        else if (g_str_equal(method->in_args[i]->name, "changes"))
            add_changes(&details, value);
        else
            add_argument(&details, invocation, method->in_args[i]->name, value);
    }
    return to_strings(&details);
}
