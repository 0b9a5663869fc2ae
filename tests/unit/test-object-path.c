/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names to object paths and back.
 */
#include <glib.h>
#include <string.h>

#include "dbus/object-path.h"

static void test_table(void)
{
    /* As sd_bus_path_encode(3) documents and does it. */
    static const struct {
        const char *name, *label;
    } table[] = {
        { "", "_" },      { "LS", "LS" },     { "a1", "a1" },           { "1a", "_31a" },
        { "_", "_5f" },   { "a_b", "a_5fb" }, { "a.b-c", "a_2eb_2dc" }, { "\xc3\xa9", "_c3_a9" },
        { "11", "_311" },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *label = object_path_escape(table[i].name);
        g_assert_cmpstr(label, ==, table[i].label);
        g_autofree char *name = object_path_unescape(table[i].label);
        g_assert_cmpstr(name, ==, table[i].name);
    }
}

static void test_no_label(void)
{
    static const char *const wrong[] = {
        "",    "__", "_6",  "_6_", "_g0", "_00", "a_00", "_61",
        "_2E", "1a", "a-b", "a/b", "a_b", "a_",  "_5F",  "\xc3\xa9",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_null(object_path_unescape(wrong[i]));
}

/* Any bytes: the label is a good path element, decodes to the same bytes, and (since it does) no
 * two names share one. */
static void test_round_trip(void)
{
    for (int round = 0; round < 20000; round++) {
        char name[49];
        int length = g_test_rand_int_range(0, (int)sizeof name);
        for (int i = 0; i < length; i++)
            name[i] = (char)g_test_rand_int_range(1, 256);
        name[length] = '\0';

        g_autofree char *label = object_path_escape(name);
        g_autofree char *again = object_path_unescape(label);
        g_assert_cmpstr(again, ==, name);
        g_autofree char *path = object_path_resource(name, name);
        g_assert_true(g_variant_is_object_path(path));
    }
}

/* What decodes at all is what encoding gives. */
static void test_one_label_for_one_name(void)
{
    static const char alphabet[] = "_0123456789abcdefABCDEFgz-";
    for (int round = 0; round < 200000; round++) {
        char label[8];
        int length = g_test_rand_int_range(0, (int)sizeof label);
        for (int i = 0; i < length; i++)
            label[i] = alphabet[g_test_rand_int_range(0, (int)strlen(alphabet))];
        label[length] = '\0';

        g_autofree char *name = object_path_unescape(label);
        if (name == NULL)
            continue;
        g_autofree char *again = object_path_escape(name);
        g_assert_cmpstr(again, ==, label);
    }
}

static void test_paths(void)
{
    g_autofree char *lockspace = object_path_lockspace("a.b");
    g_assert_cmpstr(lockspace, ==, "/org/bailiff/Bailiff1/lockspaces/a_2eb");
    g_autofree char *host = object_path_host("a.b", 2000);
    g_assert_cmpstr(host, ==, "/org/bailiff/Bailiff1/lockspaces/a_2eb/hosts/2000");
    g_autofree char *resource = object_path_resource("a.b", "9");
    g_assert_cmpstr(resource, ==, "/org/bailiff/Bailiff1/lockspaces/a_2eb/resources/_39");
    g_autofree char *registration = object_path_registration(G_MAXUINT64);
    g_assert_cmpstr(registration, ==, "/org/bailiff/Bailiff1/registrations/18446744073709551615");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/object-path/table", test_table);
    g_test_add_func("/object-path/no-label", test_no_label);
    g_test_add_func("/object-path/round-trip", test_round_trip);
    g_test_add_func("/object-path/one-label-for-one-name", test_one_label_for_one_name);
    g_test_add_func("/object-path/paths", test_paths);
    return g_test_run();
}
