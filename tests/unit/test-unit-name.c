/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of units that can be registered.
 */
#include <string.h>

#include "actions/unit-name.h"

static void test_names(void)
{
    static const char *const bad[] = {
        "",           "a",          ".service",    "a.socket",     "a.mount",     "a.target",
        "b@.service", "@b.service", "a/b.service", "../a.service", "a b.service", "a\n.service",
        "a.service/", "a.servicex", "é.service",   "a.Service",    "a..",
    };
    g_autofree char *long_name = g_strnfill(255, 'a');

    g_assert_cmpstr(unit_name_get_interface("a.service"), ==, "org.freedesktop.systemd1.Service");
    g_assert_cmpstr(unit_name_get_interface("a.scope"), ==, "org.freedesktop.systemd1.Scope");
    g_assert_cmpstr(unit_name_get_interface("a.slice"), ==, "org.freedesktop.systemd1.Slice");
    g_assert_true(unit_name_is_valid("b@1.service"));
    g_assert_true(unit_name_is_valid("b@x@y.service"));
    g_assert_true(unit_name_is_valid("dev-disk\\x2dby.service"));
    g_assert_true(unit_name_is_valid("a:b_c-d.e.service"));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(unit_name_is_valid(bad[i]));
    g_assert_false(unit_name_is_valid(NULL));

    memcpy(long_name + 255 - strlen(".service"), ".service", strlen(".service"));
    g_assert_true(unit_name_is_valid(long_name));
    g_free(long_name);
    long_name = g_strnfill(256, 'a');
    memcpy(long_name + 256 - strlen(".service"), ".service", strlen(".service"));
    g_assert_false(unit_name_is_valid(long_name));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/unit-name/names", test_names);
    return g_test_run();
}
