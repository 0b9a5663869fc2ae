/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file of the configuration: whatever it holds, what is taken of it can be walked, and what is
 * refused is said in two lines of text.
 */
#include <string.h>

#include "engine/config-file.h"
#include "engine/policy-error.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(ConfigFile) config = config_file_new();
    g_autoptr(GError) error = NULL;

    if (!config_file_take_text(config, "file", (const char *)data, size, &error)) {
        fuzz_assert_error(error);
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        return 0;
    }
    g_assert_no_error(error);
    for (unsigned target = 0; target < FAILURE_TARGET_COUNT; target++) {
        const FailurePolicy *policy = failure_defaults_get(config->failure_defaults, "a", target);
        g_assert_true(bailiff_failure_policy_check(policy, target, NULL));
        policy = failure_defaults_get(config->failure_defaults, NULL, target);
        g_assert_true(bailiff_failure_policy_check(policy, target, NULL));
    }
    g_assert_true(g_path_is_absolute(config->libvirt_run_dir));
    g_assert_cmpuint(strlen(config->libvirt_driver), >, 0);
    return 0;
}
