/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A test that changes its process, such as its limits, has one of its own.
 */
#pragma once

#include <glib.h>

typedef void (*SubprocessTest)(void);

/* For g_test_add_data_func(): `data` is the test itself. */
static inline void in_subprocess(gconstpointer data)
{
    if (g_test_subprocess()) {
        ((SubprocessTest)data)();
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
    g_test_trap_assert_passed();
}
