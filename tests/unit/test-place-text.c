/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Places on storage as people type them. */
#include <glib.h>
#include <string.h>

#include "ctl/exit-status.h"
#include "ctl/place-text.h"

static void test_good(void)
{
    static const struct {
        const char *text;
        const char *path;
        guint64 offset;
    } cases[] = {
        { "/dev/vg0/leases", "/dev/vg0/leases", 0 },
        { "/dev/vg0/leases:1M", "/dev/vg0/leases", 1048576 },
        { "/dev/vg0/leases:512", "/dev/vg0/leases", 512 },
        { "/a/../b:0", "/b", 0 },
        { "/dev/disk/by-path/ip-10.0.0.1:3260-iscsi-iqn.x:y-lun-1",
          "/dev/disk/by-path/ip-10.0.0.1:3260-iscsi-iqn.x:y-lun-1", 0 },
        { "/dev/disk/by-path/pci-0000:00:1f.2", "/dev/disk/by-path/pci-0000:00:1f.2", 0 },
        { "/odd:12:0", "/odd:12", 0 },
        { "/odd:name", "/odd:name", 0 },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(StoragePlace) place = { 0 };
        g_autoptr(GError) error = NULL;
        g_assert_true(storage_place_parse(&place, cases[i].text, &error));
        g_assert_no_error(error);
        g_assert_cmpstr(place.path, ==, cases[i].path);
        g_assert_cmpuint(place.offset, ==, cases[i].offset);
    }
}

static void test_relative(void)
{
    g_auto(StoragePlace) place = { 0 };
    g_autofree char *here = g_get_current_dir();
    g_autofree char *expected = g_build_filename(here, "leases", NULL);
    g_assert_true(storage_place_parse(&place, "leases:4K", NULL));
    g_assert_cmpstr(place.path, ==, expected);
    g_assert_cmpuint(place.offset, ==, 4096);
}

/* What was meant as an offset is never taken for a part of the path. */
static void test_bad(void)
{
    static const char *const cases[] = {
        "", ":1M", "/x:", "/x:1T", "/x:1MB", "/x:1MiB", "/x:99999999999999999999"
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(StoragePlace) place = { 0 };
        g_autoptr(GError) error = NULL;
        g_test_message("%s", cases[i]);
        g_assert_false(storage_place_parse(&place, cases[i], &error));
        g_assert_error(error, CTL_ERROR, CTL_EXIT_USAGE);
        g_assert_nonnull(strchr(error->message, '\n'));
        g_assert_null(place.path);
    }
}

static void test_resource(void)
{
    g_autoptr(ResourcePlace) place = resource_place_parse("disk1@/dev/a@b:2M", NULL);
    g_assert_nonnull(place);
    g_assert_cmpstr(place->resource, ==, "disk1");
    g_assert_cmpstr(place->place.path, ==, "/dev/a@b");
    g_assert_cmpuint(place->place.offset, ==, 2 * 1048576);

    static const char *const cases[] = { "disk1", "@/dev/a", "disk1@", "disk1@/dev/a:1X", "" };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(resource_place_parse(cases[i], &error));
        g_assert_error(error, CTL_ERROR, CTL_EXIT_USAGE);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/place-text/good", test_good);
    g_test_add_func("/place-text/relative", test_relative);
    g_test_add_func("/place-text/bad", test_bad);
    g_test_add_func("/place-text/resource", test_resource);
    return g_test_run();
}
