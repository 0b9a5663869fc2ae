/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options dictionary of a method: bytes of an a{sv} that nobody has checked.
 */
#include "common/bailiff-error.h"
#include "dbus/variant-options.h"
#include "fuzz.h"

#define MARK 0xC3C3C3C3u

typedef struct Options {
    gboolean overwrite;
    guint32 sector_size;
    guint64 version;
    char *mode;
    GVariant *policy;
} Options;

static const Options untouched = { (gboolean)MARK, MARK, MARK, NULL, NULL };

static gboolean was_given(GVariant *variant, const char *key)
{
    g_autoptr(GVariant) value = g_variant_lookup_value(variant, key, NULL);
    return value != NULL;
}

static void take(GVariant *variant)
{
    Options options = untouched;
    const VariantOption known[] = {
        { "overwrite", "b", &options.overwrite },
        { "sector-size", "u", &options.sector_size, 512, 4096 },
        { "version", "t", &options.version, 1 },
        { "mode", "s", &options.mode },
        { "failure-policy", "a(sua{sv})", &options.policy },
    };
    g_autoptr(GError) error = NULL;
    gboolean good = variant_options_parse(variant, known, G_N_ELEMENTS(known), &error);

    if (!good) {
        fuzz_assert_error(error);
        g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);
        g_assert_cmpmem(&options, sizeof options, &untouched, sizeof untouched);
        return;
    }
    g_assert_no_error(error);
    gsize given = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
        given += was_given(variant, known[i].key);
    g_assert_cmpuint(g_variant_n_children(variant), ==, given);
    if (was_given(variant, "overwrite"))
        g_assert_true(options.overwrite == TRUE || options.overwrite == FALSE);
    if (was_given(variant, "sector-size"))
        g_assert_true(options.sector_size >= 512 && options.sector_size <= 4096);
    else
        g_assert_cmpuint(options.sector_size, ==, MARK);
    if (was_given(variant, "version"))
        g_assert_cmpuint(options.version, >=, 1);
    g_assert_cmpint(options.mode != NULL, ==, was_given(variant, "mode"));
    g_assert_true(options.mode == NULL || g_utf8_validate(options.mode, -1, NULL));
    g_assert_cmpint(options.policy != NULL, ==, was_given(variant, "failure-policy"));
    g_free(options.mode);
    g_clear_pointer(&options.policy, g_variant_unref);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GVariant) variant =
        g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE_VARDICT, bytes, FALSE));
    g_autoptr(GVariant) normal = g_variant_get_normal_form(variant);
    g_autoptr(GError) error = NULL;

    take(variant);
    take(normal);
    /* A method without options takes none. */
    g_assert_cmpint(variant_options_parse(variant, NULL, 0, &error), ==,
                    g_variant_n_children(variant) == 0);
    return 0;
}
