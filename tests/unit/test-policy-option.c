/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Failure policies from the command line to the bus, and back for people. */
#include <glib.h>
#include <string.h>

#include "ctl/exit-status.h"
#include "ctl/policy-option.h"

static void test_round_trip(void)
{
    static const char *const texts[] = { "kill", "ignore", "signal TERM 10s, kill",
                                         "notify 5s, signal USR1 20s, signal TERM 10s, kill" };
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        FailurePolicy policy;
        g_assert_true(policy_option_parse(&policy, texts[i], NULL));
        g_autoptr(GVariant) variant = g_variant_ref_sink(policy_to_variant(&policy));
        g_assert_true(g_variant_is_of_type(variant, G_VARIANT_TYPE("a(sua{sv})")));
        g_autofree char *text = policy_variant_text(variant);
        g_assert_cmpstr(text, ==, texts[i]);
        g_assert_cmpint(policy_is_ignore(&policy), ==, strcmp(texts[i], "ignore") == 0);
    }
}

static void test_variant(void)
{
    FailurePolicy policy;
    g_assert_true(policy_option_parse(&policy, "signal 15 3, kill", NULL));
    g_autoptr(GVariant) variant = g_variant_ref_sink(policy_to_variant(&policy));
    g_autofree char *text = g_variant_print(variant, FALSE);
    g_assert_cmpstr(text, ==, "[('signal', 3, {'signal': <'TERM'>}), ('kill', 0, {})]");
}

static void test_errors(void)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        { "", "empty" },
        { "signal TERM 10s, slay", "character 18" },
        { "signal TERM 10s", "has to be kill" },
        { "signal TERM 100s, kill", "40 seconds" },
        { "signal KILL 1s, kill", "no such signal" },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        FailurePolicy policy;
        g_autoptr(GError) error = NULL;
        g_assert_false(policy_option_parse(&policy, cases[i].text, &error));
        g_assert_error(error, CTL_ERROR, CTL_EXIT_USAGE);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, cases[i].says));
    }
}

/* A newer daemon may have actions that this program has not heard of. */
static void test_foreign(void)
{
    g_autoptr(GVariant) variant = g_variant_ref_sink(
        g_variant_new_parsed("[('teleport', uint32 7, {'to': <'mars'>}), ('kill', 0, {})]"));
    g_autofree char *text = policy_variant_text(variant);
    g_assert_cmpstr(text, ==, "teleport 7s, kill");
    g_autofree char *none = policy_variant_text(NULL);
    g_assert_cmpstr(none, ==, "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy-option/round-trip", test_round_trip);
    g_test_add_func("/policy-option/variant", test_variant);
    g_test_add_func("/policy-option/errors", test_errors);
    g_test_add_func("/policy-option/foreign", test_foreign);
    return g_test_run();
}
