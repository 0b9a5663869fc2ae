/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verb that was meant. */
#include <glib.h>

#include "ctl/nearest-word.h"

static void test_distance(void)
{
    g_assert_cmpuint(word_distance("", ""), ==, 0);
    g_assert_cmpuint(word_distance("", "join"), ==, 4);
    g_assert_cmpuint(word_distance("join", "join"), ==, 0);
    g_assert_cmpuint(word_distance("jion", "join"), ==, 1);
    g_assert_cmpuint(word_distance("joins", "join"), ==, 1);
    g_assert_cmpuint(word_distance("jin", "join"), ==, 1);
    g_assert_cmpuint(word_distance("jojn", "join"), ==, 1);
    g_assert_cmpuint(word_distance("kitten", "sitting"), ==, 3);
    g_autofree char *endless = g_strnfill(100000, 'x');
    g_assert_cmpuint(word_distance(endless, "join"), >, 3);
}

static void test_nearest(void)
{
    static const char *const verbs[] = { "status",           "join",     "leave",
                                         "release",          "register", "unregister",
                                         "format-lockspace", NULL };
    g_assert_cmpstr(nearest_word("stauts", verbs), ==, "status");
    g_assert_cmpstr(nearest_word("jion", verbs), ==, "join");
    g_assert_cmpstr(nearest_word("relase", verbs), ==, "release");
    g_assert_cmpstr(nearest_word("format", verbs), ==, "format-lockspace");
    g_assert_cmpstr(nearest_word("unregister", verbs), ==, "unregister");
    g_assert_null(nearest_word("xyzzy", verbs));
    g_assert_null(nearest_word("", verbs));
    g_assert_null(nearest_word("x", verbs));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nearest-word/distance", test_distance);
    g_test_add_func("/nearest-word/nearest", test_nearest);
    return g_test_run();
}
