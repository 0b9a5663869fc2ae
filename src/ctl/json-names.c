/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/json-names.h"

static gboolean joins(char character)
{
    return character == '-' || character == '_';
}

/* "io-timeout" and "io_timeout": "IoTimeout". */
static char *spell(const char *key)
{
    GString *name = g_string_new(NULL);
    gboolean begins = TRUE;

    for (; *key != '\0'; key++) {
        if (!joins(*key))
            g_string_append_c(name, begins ? g_ascii_toupper(*key) : *key);
        begins = joins(*key);
    }
    return g_string_free(name, FALSE);
}

/* Dictionaries of other types have names of things for keys: they stay as they are. */
static GVariant *spell_dictionary(GVariant *dictionary)
{
    GVariantBuilder builder;
    GVariantIter iter;
    const char *key;
    GVariant *value;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    g_variant_iter_init(&iter, dictionary);
    while (g_variant_iter_loop(&iter, "{&sv}", &key, &value)) {
        g_autofree char *name = spell(key);
        g_autoptr(GVariant) spelled = json_names_spell(value);
        g_variant_builder_add(&builder, "{sv}", name, spelled);
    }
    return g_variant_ref_sink(g_variant_builder_end(&builder));
}

GVariant *json_names_spell(GVariant *value)
{
    GVariantBuilder builder;

    if (g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT))
        return spell_dictionary(value);
    if (!g_variant_is_container(value) || g_variant_is_of_type(value, G_VARIANT_TYPE_BYTESTRING))
        return g_variant_ref(value);
    g_variant_builder_init(&builder, g_variant_get_type(value));
    for (gsize i = 0; i < g_variant_n_children(value); i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
        g_autoptr(GVariant) spelled = json_names_spell(child);
        g_variant_builder_add_value(&builder, spelled);
    }
    return g_variant_ref_sink(g_variant_builder_end(&builder));
}
