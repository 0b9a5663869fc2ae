/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Failure policies as they come over the bus: bytes of an a(sua{sv}) that nobody has checked.
 */
#include <string.h>

#include "common/bailiff-error.h"
#include "dbus/variant-policy.h"
#include "fuzz.h"

static void assert_in_range(const FailurePolicy *policy)
{
    g_assert_cmpuint(policy->n_steps, >=, 1);
    g_assert_cmpuint(policy->n_steps, <=, FAILURE_POLICY_MAX_STEPS);
    for (size_t i = 0; i < policy->n_steps; i++) {
        const FailureStep *step = &policy->steps[i];
        g_assert_cmpuint(step->action, <, FAILURE_ACTION_COUNT);
        if (step->action == FAILURE_ACTION_SIGNAL)
            g_assert_nonnull(failure_signal_name(step->signal_number));
        for (size_t k = 0; step->action == FAILURE_ACTION_EXEC && k < step->n_words; k++)
            g_assert_true(g_utf8_validate(failure_policy_get_word(policy, step, k), -1, NULL));
    }
}

static gboolean take(GVariant *variant, FailurePolicy *ret)
{
    g_autoptr(GError) error = NULL;
    FailurePolicy untouched, again = { 0 };

    memset(&untouched, 0xC3, sizeof untouched);
    *ret = untouched;
    if (!variant_policy_parse(variant, NULL, ret, &error)) {
        fuzz_assert_error(error);
        g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);
        g_assert_cmpmem(ret, sizeof *ret, &untouched, sizeof untouched);
        return FALSE;
    }
    g_assert_no_error(error);
    assert_in_range(ret);
    g_autoptr(GVariant) back = g_variant_ref_sink(variant_policy_new(ret));
    g_assert_true(g_variant_is_normal_form(back));
    g_assert_true(variant_policy_parse(back, NULL, &again, &error));
    g_assert_no_error(error);
    g_assert_true(failure_policy_equal(ret, &again));
    return TRUE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GVariant) variant =
        g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE("a(sua{sv})"), bytes, FALSE));
    g_autoptr(GVariant) normal = g_variant_get_normal_form(variant);
    FailurePolicy policy, of_normal;

    /* In whatever form it comes, it is the same policy. */
    gboolean good = take(variant, &policy);
    g_assert_cmpint(take(normal, &of_normal), ==, good);
    if (good)
        g_assert_true(failure_policy_equal(&policy, &of_normal));
    return 0;
}
