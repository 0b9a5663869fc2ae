/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * a{sv} against a table of known keys. Two passes, so that nothing is written (and nothing has to
 * be freed) when the dictionary is refused.
 */
#include "dbus/variant-options.h"

#include <string.h>

#include "common/bailiff-error.h"
#include "common/printable-word.h"

static const VariantOption *find_option(const VariantOption *known, gsize n_known, const char *key,
                                        gsize *ret_index)
{
    for (gsize i = 0; i < n_known; i++) {
        if (strcmp(known[i].key, key) == 0) {
            *ret_index = i;
            return &known[i];
        }
    }
    return NULL;
}

/* The cure: "Known options: sector-size u, overwrite b." */
static char *describe_known(const VariantOption *known, gsize n_known)
{
    if (n_known == 0)
        return g_strdup("Leave it out: there are no options here.");

    GString *text = g_string_new("Known options: ");
    for (gsize i = 0; i < n_known; i++)
        g_string_append_printf(text, "%s%s %s", i > 0 ? ", " : "", known[i].key, known[i].type);
    g_string_append_c(text, '.');
    return g_string_free(text, FALSE);
}

static gboolean check_number(const VariantOption *option, GVariant *value, GError **error)
{
    guint64 number, max;
    if (strcmp(option->type, "u") == 0) {
        number = g_variant_get_uint32(value);
        max = option->max != 0 ? option->max : G_MAXUINT32;
    } else if (strcmp(option->type, "t") == 0) {
        number = g_variant_get_uint64(value);
        max = option->max != 0 ? option->max : G_MAXUINT64;
    } else {
        return TRUE;
    }
    if (number >= option->min && number <= max)
        return TRUE;

    g_autofree char *cure = g_strdup_printf("Give a number from %" G_GUINT64_FORMAT
                                            " to %" G_GUINT64_FORMAT ", or leave the option out.",
                                            option->min, max);
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, cure,
                      "The option \"%s\" cannot be %" G_GUINT64_FORMAT ".", option->key, number);
    return FALSE;
}

static gboolean check_option(const VariantOption *known, gsize n_known, const char *key,
                             GVariant *value, gboolean *seen, GError **error)
{
    gsize index;
    const VariantOption *option = find_option(known, n_known, key, &index);
    if (option == NULL) {
        g_autofree char *cure = describe_known(known, n_known);
        g_autofree char *word = printable_word(key);
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, cure,
                          "The option \"%s\" is not known.", word);
        return FALSE;
    }
    if (seen[index]) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Give each option once.",
                          "The option \"%s\" is given twice.", key);
        return FALSE;
    }
    seen[index] = TRUE;
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE(option->type))) {
        g_autofree char *cure = describe_known(known, n_known);
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, cure,
                          "The option \"%s\" has the type %s and not %s.", key,
                          g_variant_get_type_string(value), option->type);
        return FALSE;
    }
    return check_number(option, value, error);
}

static void store_option(const VariantOption *option, GVariant *value)
{
    if (strcmp(option->type, "b") == 0)
        *(gboolean *)option->value = g_variant_get_boolean(value);
    else if (strcmp(option->type, "u") == 0)
        *(guint32 *)option->value = g_variant_get_uint32(value);
    else if (strcmp(option->type, "t") == 0)
        *(guint64 *)option->value = g_variant_get_uint64(value);
    else if (strcmp(option->type, "s") == 0)
        *(char **)option->value = g_variant_dup_string(value, NULL);
    else
        *(GVariant **)option->value = g_variant_ref(value);
}

gboolean variant_options_parse(GVariant *options, const VariantOption *known, gsize n_known,
                               GError **error)
{
    g_autofree gboolean *seen = g_new0(gboolean, n_known + 1);
    GVariantIter iter;
    const char *key;
    GVariant *value;

    g_variant_iter_init(&iter, options);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        gboolean good = check_option(known, n_known, key, value, seen, error);
        g_variant_unref(value);
        if (!good)
            return FALSE;
    }

    g_variant_iter_init(&iter, options);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        gsize index;
        store_option(find_option(known, n_known, key, &index), value);
        g_variant_unref(value);
    }
    return TRUE;
}
