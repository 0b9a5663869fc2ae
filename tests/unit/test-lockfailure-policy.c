/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's words as failure policies: what each is, and that bailiffd takes it for a domain. */
#include <glib.h>

#include "ctl/lockfailure-policy.h"
#include "failure/failure-policy-parser.h"

static void test_words(void)
{
    static const struct {
        DomainLockfailure word;
        const char *policy;
        FailureRecovery recovery;
    } cases[] = {
        { DOMAIN_LOCKFAILURE_DEFAULT, "signal TERM 30s, kill", FAILURE_RECOVERY_LEAVE },
        { DOMAIN_LOCKFAILURE_POWEROFF, "poweroff 30s, kill", FAILURE_RECOVERY_LEAVE },
        { DOMAIN_LOCKFAILURE_RESTART, "restart 30s, kill", FAILURE_RECOVERY_RESTART },
        { DOMAIN_LOCKFAILURE_PAUSE, "pause 10s, poweroff 20s, kill; on-recovery resume",
          FAILURE_RECOVERY_RESUME },
        { DOMAIN_LOCKFAILURE_IGNORE, "ignore", FAILURE_RECOVERY_LEAVE },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        FailurePolicy policy;
        char text[FAILURE_POLICY_TEXT_MAX];
        g_assert_true(lockfailure_policy(cases[i].word, &policy));
        g_assert_cmpint(failure_policy_check(&policy, NULL, NULL), ==, FAILURE_POLICY_OK);
        g_assert_cmpint(failure_policy_check_target(&policy, FAILURE_TARGET_DOMAIN, NULL), ==,
                        FAILURE_POLICY_OK);
        g_assert_cmpint(failure_policy_get_recovery(&policy), ==, cases[i].recovery);
        failure_policy_print(&policy, text);
        g_assert_cmpstr(text, ==, cases[i].policy);
    }
}

static void test_absent(void)
{
    FailurePolicy policy;
    g_assert_false(lockfailure_policy(DOMAIN_LOCKFAILURE_ABSENT, &policy));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lockfailure-policy/words", test_words);
    g_test_add_func("/lockfailure-policy/absent", test_absent);
    return g_test_run();
}
