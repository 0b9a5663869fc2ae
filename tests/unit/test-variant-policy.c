/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Failure policies as they cross the bus.
 */
#include <glib.h>
#include <string.h>

#include "common/bailiff-error.h"
#include "dbus/variant-policy.h"

static GVariant *from_text(const char *text)
{
    g_autoptr(GError) error = NULL;
    GVariant *variant = g_variant_parse(G_VARIANT_TYPE("a(sua{sv})"), text, NULL, NULL, &error);
    g_assert_no_error(error);
    return variant;
}

static void test_default(void)
{
    FailurePolicy policy, again = { 0 };
    g_autoptr(GError) error = NULL;

    failure_policy_default(&policy);
    g_autoptr(GVariant) variant = g_variant_ref_sink(variant_policy_new(&policy));
    g_autofree char *text = g_variant_print(variant, FALSE);
    g_assert_cmpstr(text, ==, "[('signal', 10, {'signal': <'TERM'>}), ('kill', 0, {})]");
    g_assert_true(variant_policy_parse(variant, NULL, &again, &error));
    g_assert_no_error(error);
    g_assert_true(failure_policy_equal(&policy, &again));
}

/* Every policy that can be written down comes back as it was. */
static void test_round_trip(void)
{
    for (int round = 0; round < 2000; round++) {
        FailurePolicy policy = { 0 }, again = { 0 };
        g_autoptr(GError) error = NULL;

        policy.n_steps = (size_t)g_test_rand_int_range(1, FAILURE_POLICY_MAX_STEPS + 1);
        for (size_t i = 0; i < policy.n_steps; i++) {
            FailureStep *step = &policy.steps[i];
            step->action = (FailureAction)g_test_rand_int_range(0, FAILURE_ACTION_COUNT);
            step->grace_seconds = (uint32_t)g_test_rand_int();
            if (step->action == FAILURE_ACTION_SIGNAL) {
                do
                    step->signal_number = g_test_rand_int_range(1, 32);
                while (failure_signal_name(step->signal_number) == NULL);
            }
            for (int k = g_test_rand_int_range(1, 16); step->action == FAILURE_ACTION_EXEC && k > 0;
                 k--)
                (void)failure_policy_add_word(&policy, step, k % 2 ? "/odd" : "");
            if (step->action == FAILURE_ACTION_EXEC && step->n_words == 0)
                step->action = FAILURE_ACTION_NOTIFY; /* there was no room left */
        }
        policy.on_recovery = (FailureRecovery)g_test_rand_int_range(0, FAILURE_RECOVERY_COUNT);
        g_autoptr(GVariant) variant = g_variant_ref_sink(variant_policy_new(&policy));
        g_assert_true(g_variant_is_of_type(variant, G_VARIANT_TYPE("a(sua{sv})")));
        const char *on_recovery = failure_recovery_name(failure_policy_get_recovery(&policy));
        g_assert_true(variant_policy_parse(variant, on_recovery, &again, &error));
        g_assert_no_error(error);
        g_assert_true(failure_policy_equal(&policy, &again));
    }
}

static void test_recovery(void)
{
    static const struct {
        const char *steps, *on_recovery;
        FailureRecovery recovery; /* ..._COUNT: refused */
    } table[] = {
        { "[('kill', 0, {})]", NULL, FAILURE_RECOVERY_LEAVE },
        { "[('kill', 0, {})]", "leave", FAILURE_RECOVERY_LEAVE },
        { "[('kill', 0, {})]", "resume", FAILURE_RECOVERY_RESUME }, /* for others to refuse */
        { "[('restart', 1, {}), ('kill', 0, {})]", NULL, FAILURE_RECOVERY_RESTART },
        { "[('restart', 1, {}), ('kill', 0, {})]", "restart", FAILURE_RECOVERY_RESTART },
        { "[('restart', 1, {}), ('kill', 0, {})]", "leave", FAILURE_RECOVERY_COUNT },
        { "[('kill', 0, {})]", "pray", FAILURE_RECOVERY_COUNT },
        { "[('kill', 0, {})]", "", FAILURE_RECOVERY_COUNT },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        FailurePolicy policy = { 0 };
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) variant = from_text(table[i].steps);
        gboolean good = variant_policy_parse(variant, table[i].on_recovery, &policy, &error);
        g_assert_cmpint(good, ==, table[i].recovery != FAILURE_RECOVERY_COUNT);
        if (good)
            g_assert_cmpint(failure_policy_get_recovery(&policy), ==, table[i].recovery);
        else
            g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);
    }
}

static void test_program(void)
{
    FailurePolicy policy;
    g_autoptr(GVariant) variant =
        from_text("[('exec', 5, {'program': <'/bin/echo'>}), "
                  "('exec', 6, {'arguments': <['two words', '']>, 'program': <'/b'>}), "
                  "('kill', 0, {})]");
    g_assert_true(variant_policy_parse(variant, NULL, &policy, NULL));
    g_assert_cmpint(failure_policy_check(&policy, NULL, NULL), ==, FAILURE_POLICY_OK);
    g_assert_cmpuint(policy.steps[0].n_words, ==, 1);
    g_assert_cmpuint(policy.steps[1].n_words, ==, 3);
    g_assert_cmpstr(failure_policy_get_word(&policy, &policy.steps[0], 0), ==, "/bin/echo");
    g_assert_cmpstr(failure_policy_get_word(&policy, &policy.steps[1], 0), ==, "/b");
    g_assert_cmpstr(failure_policy_get_word(&policy, &policy.steps[1], 1), ==, "two words");
    g_assert_cmpstr(failure_policy_get_word(&policy, &policy.steps[1], 2), ==, "");
}

static void test_signal_words(void)
{
    static const char *const words[] = { "TERM", "SIGTERM", "15" };
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        FailurePolicy policy = { 0 };
        g_autoptr(GError) error = NULL;
        g_autofree char *text =
            g_strdup_printf("[('signal', 1, {'signal': <'%s'>}), ('kill', 0, {})]", words[i]);
        g_autoptr(GVariant) variant = from_text(text);
        g_assert_true(variant_policy_parse(variant, NULL, &policy, &error));
        g_assert_no_error(error);
        g_assert_cmpint(policy.steps[0].signal_number, ==, 15);
    }
}

static void test_refused(void)
{
    static const struct {
        const char *text, *cause;
    } table[] = {
        { "[]", "has 0 steps" },
        { "[('', 0, {})]", "Step 1 of the failure policy: \"\" is not an action" },
        { "[('Kill', 0, {})]", "\"Kill\" is not an action" },
        { "[('notify', 0, {}), ('explode', 0, {})]",
          "Step 2 of the failure policy: \"explode\" is not an action" },
        { "[('signal', 0, {})]", "does not say which one" },
        { "[('signal', 0, {'signal': <15>})]", "has the type i and not s" },
        { "[('signal', 0, {'signal': <'NOSUCH'>})]", "\"NOSUCH\" is not a signal" },
        { "[('signal', 0, {'signal': <''>})]", "\"\" is not a signal" },
        { "[('signal', 0, {'signal': <'64'>})]", "\"64\" is not a signal" },
        { "[('signal', 0, {'signal': <'TERM'>, 'also': <'x'>})]", "\"also\" is not known" },
        { "[('kill', 0, {'signal': <'TERM'>})]", "\"signal\" is not known" },
        { "[('notify', 0, {'a\\nb': <true>})]", "is not known" },
        { "[('exec', 1, {})]", "does not say which program" },
        { "[('exec', 1, {'arguments': <['/bin/true']>})]", "does not say which program" },
        { "[('exec', 1, {'program': <['/bin/true']>})]", "has the type as and not s" },
        { "[('exec', 1, {'program': <'/b'>, 'arguments': <'x'>})]", "has the type s and not as" },
        { "[('exec', 1, {'program': <'/b'>, 'signal': <'x'>})]", "\"signal\" is not known" },
        { "[('exec', 1, {'program': <'/b'>, 'arguments': "
          "<['1','2','3','4','5','6','7','8','9','a','b','c','d','e','f','g']>})]",
          "its 16 arguments are too long" },
        { "[('kill', 0, {'program': <'/b'>})]", "\"program\" is not known" },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        FailurePolicy policy = { 0 }, untouched = { 0 };
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) variant = from_text(table[i].text);
        g_assert_false(variant_policy_parse(variant, NULL, &policy, &error));
        g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);
        g_assert_nonnull(strstr(error->message, table[i].cause));
        g_assert_nonnull(strchr(error->message, '\n'));
        g_assert_cmpmem(&policy, sizeof policy, &untouched, sizeof untouched);
    }
}

static void test_length(void)
{
    for (guint n_steps = FAILURE_POLICY_MAX_STEPS; n_steps <= FAILURE_POLICY_MAX_STEPS + 1;
         n_steps++) {
        FailurePolicy policy;
        g_autoptr(GError) error = NULL;
        g_autoptr(GString) text = g_string_new("[");
        for (guint i = 0; i < n_steps; i++)
            g_string_append_printf(text, "%s('notify', 0, {})", i > 0 ? ", " : "");
        g_string_append_c(text, ']');
        g_autoptr(GVariant) variant = from_text(text->str);

        gboolean good = variant_policy_parse(variant, NULL, &policy, &error);
        g_assert_cmpint(good, ==, n_steps <= FAILURE_POLICY_MAX_STEPS);
        if (!good)
            g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/variant-policy/default", test_default);
    g_test_add_func("/variant-policy/round-trip", test_round_trip);
    g_test_add_func("/variant-policy/recovery", test_recovery);
    g_test_add_func("/variant-policy/program", test_program);
    g_test_add_func("/variant-policy/signal-words", test_signal_words);
    g_test_add_func("/variant-policy/refused", test_refused);
    g_test_add_func("/variant-policy/length", test_length);
    return g_test_run();
}
