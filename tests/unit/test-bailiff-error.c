/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The error domain: names, texts, and the way over the bus and back.
 */
#include <gio/gio.h>

#include "common/bailiff-error.h"

static void test_names(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (int code = 0; code < BAILIFF_ERROR_COUNT; code++) {
        const char *name = bailiff_error_bus_name((BailiffError)code);
        g_autoptr(GError) made = bailiff_error_make((BailiffError)code, "Cure.", "Cause.");
        g_autofree char *encoded = g_dbus_error_encode_gerror(made);

        g_assert_true(g_dbus_is_interface_name(name));
        g_assert_true(g_str_has_prefix(name, "org.bailiff.Error."));
        g_assert_true(g_hash_table_add(seen, (gpointer)name));
        g_assert_cmpstr(encoded, ==, name);
    }
    g_assert_cmpstr(bailiff_error_bus_name(BAILIFF_ERROR_INVALID_ARGUMENT), ==,
                    "org.bailiff.Error.InvalidArgument");
    g_assert_cmpstr(bailiff_error_bus_name(BAILIFF_ERROR_HELD), ==, "org.bailiff.Error.Held");
    g_assert_cmpstr(bailiff_error_bus_name(BAILIFF_ERROR_LOST), ==, "org.bailiff.Error.Lost");
    g_assert_cmpstr(bailiff_error_bus_name(BAILIFF_ERROR_COUNT), ==, "org.bailiff.Error.IoError");
    g_assert_cmpstr(bailiff_error_bus_name((BailiffError)-1), ==, "org.bailiff.Error.IoError");
}

static void test_decode(void)
{
    g_autoptr(GError) error = NULL;

    (void)bailiff_error_quark();
    error = g_dbus_error_new_for_dbus_error("org.bailiff.Error.HostIdBusy", "text");
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_HOST_ID_BUSY);
}

static void test_text(void)
{
    g_autoptr(GError) error = NULL;

    bailiff_set_error(&error, BAILIFF_ERROR_HELD, "Wait 100% of the time.", "Held by %s (%d).",
                      "alpha", 7);
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_HELD);
    g_assert_cmpstr(error->message, ==, "Held by alpha (7).\nWait 100% of the time.");
    bailiff_set_error(NULL, BAILIFF_ERROR_HELD, "Cure.", "Cause.");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bailiff-error/names", test_names);
    g_test_add_func("/bailiff-error/decode", test_decode);
    g_test_add_func("/bailiff-error/text", test_text);
    return g_test_run();
}
