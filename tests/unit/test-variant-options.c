/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options dictionary.
 */
#include <glib.h>
#include <string.h>

#include "common/bailiff-error.h"
#include "dbus/variant-options.h"

typedef struct Values {
    gboolean flag;
    guint32 small;
    guint64 large;
    char *text;
    GVariant *list;
} Values;

static gboolean parse(const char *text, Values *values, GError **error)
{
    const VariantOption known[] = {
        { "flag", "b", &values->flag },      { "small", "u", &values->small, 1, 255 },
        { "large", "t", &values->large, 1 }, { "text", "s", &values->text },
        { "list", "a(su)", &values->list },
    };
    g_autoptr(GVariant) options = g_variant_parse(G_VARIANT_TYPE_VARDICT, text, NULL, NULL, error);
    g_assert_nonnull(options);
    return variant_options_parse(options, known, G_N_ELEMENTS(known), error);
}

static void values_clear(Values *values)
{
    g_free(values->text);
    g_clear_pointer(&values->list, g_variant_unref);
}

static void test_all(void)
{
    Values values = { 0 };
    g_autoptr(GError) error = NULL;

    gboolean good = parse("{'list': <[('a', uint32 7)]>, 'text': <'word'>, 'flag': <true>, "
                          "'small': <uint32 255>, 'large': <uint64 18446744073709551615>}",
                          &values, &error);
    g_assert_no_error(error);
    g_assert_true(good);
    g_assert_true(values.flag);
    g_assert_cmpuint(values.small, ==, 255);
    g_assert_cmpuint(values.large, ==, G_MAXUINT64);
    g_assert_cmpstr(values.text, ==, "word");
    g_assert_cmpuint(g_variant_n_children(values.list), ==, 1);
    values_clear(&values);
}

static void test_none(void)
{
    Values values = { .small = 42 };
    g_autoptr(GError) error = NULL;

    g_assert_true(parse("{}", &values, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(values.small, ==, 42);
    g_assert_null(values.text);
}

/* Each is refused, names what is wrong, tells what is known, and leaves everything untouched. */
static void test_refused(void)
{
    static const struct {
        const char *text, *cause, *cure;
    } table[] = {
        { "{'nonsense': <true>}", "\"nonsense\" is not known", "flag b, small u" },
        { "{'Flag': <true>}", "\"Flag\" is not known", "flag b" },
        { "{'a\\nb': <true>}", "\"a?b\" is not known", "flag b" },
        { "{'': <true>}", "\"\" is not known", "flag b" },
        { "{'text': <'x'>, 'nonsense': <true>}", "nonsense", "text s" },
        { "{'flag': <1>}", "\"flag\" has the type i and not b", "flag b" },
        { "{'small': <1>}", "\"small\" has the type i and not u", "small u" },
        { "{'small': <uint64 1>}", "has the type t and not u", "small u" },
        { "{'large': <uint32 1>}", "has the type u and not t", "large t" },
        { "{'text': <objectpath '/'>}", "has the type o and not s", "text s" },
        { "{'text': <<'x'>>}", "has the type v and not s", "text s" },
        { "{'list': <@a(s) []>}", "has the type a(s) and not a(su)", "list a(su)" },
        { "{'small': <uint32 0>}", "\"small\" cannot be 0", "1 to 255" },
        { "{'small': <uint32 256>}", "\"small\" cannot be 256", "1 to 255" },
        { "{'large': <uint64 0>}", "\"large\" cannot be 0", "1 to 18446744073709551615" },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        Values values = { 0 }, untouched = { 0 };
        g_autoptr(GError) error = NULL;
        g_assert_false(parse(table[i].text, &values, &error));
        g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);
        char *line_end = strchr(error->message, '\n');
        g_assert_nonnull(line_end);
        g_assert_nonnull(strstr(line_end, table[i].cure));
        *line_end = '\0';
        g_assert_nonnull(strstr(error->message, table[i].cause));
        g_assert_cmpmem(&values, sizeof values, &untouched, sizeof untouched);
    }
}

static void test_twice(void)
{
    gboolean flag = FALSE;
    const VariantOption known[] = { { "flag", "b", &flag } };
    g_autoptr(GError) error = NULL;
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&builder, "{sv}", "flag", g_variant_new_boolean(TRUE));
    g_variant_builder_add(&builder, "{sv}", "flag", g_variant_new_boolean(FALSE));
    g_autoptr(GVariant) options = g_variant_ref_sink(g_variant_builder_end(&builder));
    g_assert_false(variant_options_parse(options, known, G_N_ELEMENTS(known), &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);
    g_assert_nonnull(strstr(error->message, "\"flag\" is given twice"));
    g_assert_false(flag);
}

static void test_nothing_known(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) empty = g_variant_ref_sink(g_variant_new("a{sv}", NULL));
    g_autoptr(GVariant) options = g_variant_ref_sink(g_variant_new_parsed("{'force': <true>}"));

    g_assert_true(variant_options_parse(empty, NULL, 0, &error));
    g_assert_no_error(error);
    g_assert_false(variant_options_parse(options, NULL, 0, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);
    g_assert_nonnull(strstr(error->message, "\"force\" is not known"));
    g_assert_nonnull(strstr(error->message, "no options here"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/variant-options/all", test_all);
    g_test_add_func("/variant-options/none", test_none);
    g_test_add_func("/variant-options/refused", test_refused);
    g_test_add_func("/variant-options/twice", test_twice);
    g_test_add_func("/variant-options/nothing-known", test_nothing_known);
    return g_test_run();
}
