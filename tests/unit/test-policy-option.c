/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Failure policies from the command line to the bus, and back for people. */
#include <glib.h>
#include <string.h>

#include "ctl/exit-status.h"
#include "ctl/policy-option.h"

/* What is put into the options of a call comes back as the text. */
static void test_round_trip(void)
{
    static const char *const texts[] = {
        "kill",
        "ignore",
        "signal TERM 10s, kill",
        "notify 5s, signal USR1 20s, signal TERM 10s, kill",
        "exec /bin/true 5s, kill",
        "exec /bin/logger \"two words\" \"\" \"5s\" \"\\\"\" 5s, exec /b 3s, kill",
        "pause 10s, poweroff 10s, kill; on-recovery resume",
        "stop-unit 10s, kill; on-recovery restart",
        "restart 10s, kill",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        FailurePolicy policy;
        g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
        const char *on_recovery = "leave";
        g_assert_true(policy_option_parse(&policy, texts[i], NULL));
        policy_add_options(&options, &policy);
        g_autoptr(GVariant) steps =
            g_variant_dict_lookup_value(&options, "failure-policy", G_VARIANT_TYPE("a(sua{sv})"));
        g_assert_nonnull(steps);
        (void)g_variant_dict_lookup(&options, "on-recovery", "&s", &on_recovery);
        g_autofree char *text = policy_variant_text(steps, on_recovery);
        g_assert_cmpstr(text, ==, texts[i]);
        g_assert_cmpint(policy_is_ignore(&policy), ==, strcmp(texts[i], "ignore") == 0);
    }
}

static void test_variant(void)
{
    static const struct {
        const char *text;
        const char *options;
    } cases[] = {
        { "signal 15 3, kill", "{'failure-policy': <@a(sua{sv}) [('signal', uint32 3, {'signal': "
                               "<'TERM'>}), ('kill', 0, {})]>}" },
        { "exec /b x 3, kill",
          "{'failure-policy': <@a(sua{sv}) [('exec', uint32 3, {'program': <'/b'>, 'arguments': "
          "<['x']>}), ('kill', 0, {})]>}" },
        { "restart 3, kill",
          "{'failure-policy': <@a(sua{sv}) [('restart', uint32 3, {}), ('kill', 0, {})]>, "
          "'on-recovery': <'restart'>}" },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        FailurePolicy policy;
        g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
        g_assert_true(policy_option_parse(&policy, cases[i].text, NULL));
        policy_add_options(&options, &policy);
        g_autoptr(GVariant) variant = g_variant_ref_sink(g_variant_dict_end(&options));
        g_autoptr(GVariant) expected = g_variant_ref_sink(g_variant_new_parsed(cases[i].options));
        g_test_message("%s", cases[i].text);
        for (gsize k = 0; k < g_variant_n_children(expected); k++) {
            const char *key;
            g_autoptr(GVariant) value = NULL;
            g_variant_get_child(expected, k, "{&sv}", &key, &value);
            g_autoptr(GVariant) got = g_variant_lookup_value(variant, key, NULL);
            g_autofree char *wanted_text = g_variant_print(value, TRUE);
            g_autofree char *got_text = g_variant_print(got, TRUE);
            g_assert_cmpstr(got_text, ==, wanted_text);
        }
        g_assert_cmpuint(g_variant_n_children(variant), ==, g_variant_n_children(expected));
    }
}

static void test_errors(void)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        { "", "character 1: there are no steps.\nLeave it away" },
        { "signal TERM 10s, slay", "character 18 ('slay'): there is no such action.\nActions: " },
        { "signal TERM 10s", "the last step is not kill.\nAdd kill" },
        { "signal TERM 100s, kill", "take 100 seconds, but the last kill" },
        { "signal TERM 30s, notify, signal INT 11, kill", "30 + 11 = 41 seconds" },
        { "signal TERM 99999999999999999999s, kill", "at least 4294967295 seconds" },
        { "signal KILL 1s, kill", "('KILL'): there is no such signal" },
        { "notify \t\x1b[2J, kill", "character 9 ('?[2J'): it cannot be read here" },
        { "notify -3s, kill", "('-3s'): this is no grace that the action can have.\nA grace is" },
        { "kill 5", "('5'): this is no grace that the action can have" },
        { "pause 0s, kill", "('0s'): the action takes time and has no grace.\nGive it the" },
        { "exec true, kill", "('true'): this is no program that can be started.\nGive an abs" },
        { "exec \"/bin/true 10s, kill", "character 26: it cannot be read here" },
        { "kill; on-recovery pray", "('pray'): there is no such recovery.\nRecoveries: leave" },
        { "kill; on-recovery resume", "does not go with the steps.\nresume needs a step pause" },
        { "thisActionIsLongerThanAnyThatTherePossiblyCanBe, kill",
          "('thisActionIsLongerThanAnyThatTherePossiblyCa...')" },
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
    g_autofree char *text = policy_variant_text(variant, "pray");
    g_assert_cmpstr(text, ==, "teleport 7s, kill; on-recovery pray");
    g_autofree char *none = policy_variant_text(NULL, NULL);
    g_assert_cmpstr(none, ==, "");

    g_autoptr(GVariant) without_program = g_variant_ref_sink(
        g_variant_new_parsed("[('exec', uint32 7, @a{sv} {}), ('kill', 0, {})]"));
    g_autofree char *bare = policy_variant_text(without_program, NULL);
    g_assert_cmpstr(bare, ==, "exec 7s, kill");
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
