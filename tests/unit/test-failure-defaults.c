/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which policy counts where none was given. */
#include <glib.h>

#include "engine/failure-defaults.h"
#include "engine/policy-error.h"
#include "failure/failure-policy-parser.h"

static void assert_policy(FailureDefaults *defaults, const char *lockspace, FailureTarget target,
                          const char *expected)
{
    char text[FAILURE_POLICY_TEXT_MAX];

    failure_policy_print(failure_defaults_get(defaults, lockspace, target), text);
    g_assert_cmpstr(text, ==, expected);
}

static void set(FailureDefaults *defaults, const char *lockspace, FailureTarget target,
                const char *text)
{
    FailurePolicy policy;

    g_assert_true(bailiff_failure_policy_from_text(&policy, text, target, NULL));
    failure_defaults_set(defaults, lockspace, target, &policy);
}

static void test_built_in(void)
{
    g_autoptr(FailureDefaults) defaults = failure_defaults_new();

    for (guint target = 0; target < FAILURE_TARGET_COUNT; target++) {
        const FailurePolicy *policy = failure_defaults_get(defaults, "space", target);

        g_assert_true(bailiff_failure_policy_check(policy, target, NULL));
    }
    assert_policy(defaults, NULL, FAILURE_TARGET_PROCESS, "signal TERM 10s, kill");
    assert_policy(defaults, NULL, FAILURE_TARGET_UNIT, "stop-unit 15s, kill");
    assert_policy(defaults, NULL, FAILURE_TARGET_DOMAIN, "pause 10s, poweroff 20s, kill");
}

/* The lockspace's, else the kind's, else what is built in. */
static void test_precedence(void)
{
    g_autoptr(FailureDefaults) defaults = failure_defaults_new();

    set(defaults, "a", FAILURE_TARGET_DOMAIN, "kill");
    set(defaults, NULL, FAILURE_TARGET_DOMAIN, "poweroff 5s, kill");
    set(defaults, NULL, FAILURE_TARGET_UNIT, "freeze 5s, kill");
    set(defaults, "b", FAILURE_TARGET_PROCESS, "signal INT 3s, kill");

    assert_policy(defaults, "a", FAILURE_TARGET_DOMAIN, "kill");
    assert_policy(defaults, "a", FAILURE_TARGET_UNIT, "freeze 5s, kill");
    assert_policy(defaults, "a", FAILURE_TARGET_PROCESS, "signal TERM 10s, kill");
    assert_policy(defaults, "b", FAILURE_TARGET_DOMAIN, "poweroff 5s, kill");
    assert_policy(defaults, "b", FAILURE_TARGET_PROCESS, "signal INT 3s, kill");
    assert_policy(defaults, "c", FAILURE_TARGET_DOMAIN, "poweroff 5s, kill");
    assert_policy(defaults, NULL, FAILURE_TARGET_DOMAIN, "poweroff 5s, kill");
    assert_policy(defaults, NULL, FAILURE_TARGET_PROCESS, "signal TERM 10s, kill");

    set(defaults, "a", FAILURE_TARGET_DOMAIN, "pause 1s, kill"); /* the later one */
    assert_policy(defaults, "a", FAILURE_TARGET_DOMAIN, "pause 1s, kill");
}

static void test_references(void)
{
    g_autoptr(FailureDefaults) defaults = failure_defaults_new();
    FailureDefaults *second = failure_defaults_ref(defaults);

    failure_defaults_unref(second);
    failure_defaults_unref(NULL);
    assert_policy(defaults, NULL, FAILURE_TARGET_PROCESS, "signal TERM 10s, kill");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/failure-defaults/built-in", test_built_in);
    g_test_add_func("/failure-defaults/precedence", test_precedence);
    g_test_add_func("/failure-defaults/references", test_references);
    return g_test_run();
}
