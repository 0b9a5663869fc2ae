/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lockspace records as text: what is read back as it was written, and what is refused, where and
 * why.
 */
#include <string.h>

#include "common/bailiff-error.h"
#include "engine/lockspace-settings.h"

#define FILE_NAME "/etc/x/vg0.conf"

static LockspaceSettings *parse(const char *text, gssize length, GError **error)
{
    return lockspace_settings_parse(FILE_NAME, "vg0", text,
                                    length < 0 ? strlen(text) : (gsize)length, error);
}

static void test_whole(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LockspaceSettings) settings = parse("# x\n\n [Lockspace] \nName = vg0\n"
                                                  "Path=/dev/a b=c\nOffset=1048576\nHostId=7\n"
                                                  "IoTimeout=20 \nStartup=manual\n",
                                                  -1, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(settings->name, ==, "vg0");
    g_assert_cmpstr(settings->path, ==, "/dev/a b=c");
    g_assert_cmpuint(settings->offset, ==, 1048576);
    g_assert_cmpuint(settings->host_id, ==, 7);
    g_assert_cmpuint(settings->io_timeout, ==, 20);
    g_assert_false(settings->automatic);
}

static void test_defaults(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LockspaceSettings) settings = parse("[Lockspace]\nPath=/x\nName=vg0", -1, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(settings->offset, ==, 0);
    g_assert_cmpuint(settings->host_id, ==, 0);
    g_assert_cmpuint(settings->io_timeout, ==, 0);
    g_assert_true(settings->automatic);
    g_assert_cmpuint(settings->chosen_host_id, ==, 0);
    g_assert_null(settings->chosen_on);
}

static void test_round_trip(void)
{
    const LockspaceSettings cases[] = {
        { "vg0", "/x", 0, 0, 0, TRUE, 0, NULL },
        { "vg0", "/dev/disk/by-path/pci-0:1:2 ü;#\\n", 1048576, 2000, 255, FALSE, 0, NULL },
        { "vg0", "/x", 512, 0, 10, TRUE, 17, "0123456789abcdef" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = lockspace_settings_print(&cases[i]);
        g_autoptr(LockspaceSettings) again = parse(text, -1, &error);
        g_autoptr(LockspaceSettings) copy = NULL;

        g_assert_no_error(error);
        g_assert_true(lockspace_settings_check(&cases[i], &error));
        g_assert_true(lockspace_settings_equal(&cases[i], again));
        copy = lockspace_settings_copy(again);
        g_assert_true(lockspace_settings_equal(copy, again));
        copy->automatic = !copy->automatic;
        g_assert_false(lockspace_settings_equal(copy, again));
    }
    /* What was chosen is nothing to keep when the host id is given. */
    const LockspaceSettings given = { "vg0", "/x", 0, 3, 0, TRUE, 17, "0123456789abcdef" };
    g_autofree char *text = lockspace_settings_print(&given);
    g_assert_null(strstr(text, "Chosen"));
}

typedef struct Bad {
    const char *name;
    const char *text;
    const char *message; /* behind the file */
} Bad;

#define GOOD "[Lockspace]\nName=vg0\nPath=/x\n"

static const Bad bad[] = {
    { "empty", "", "line 1: Name= or Path= is missing." },
    { "no path", "[Lockspace]\nName=vg0\n", "line 1: Name= or Path= is missing." },
    { "no group", "Name=vg0\n", "line 1: This is no line of a key file." },
    { "no key", GOOD "x\n", "line 4: This is no line of a key file." },
    { "unknown key", GOOD "name=vg0\n", "line 4: There is no such key." },
    { "translated key", GOOD "Name[de]=vg0\n", "line 4: There is no such key." },
    { "unknown group", GOOD "#\n[Other]\n", "line 5: There is no such group." },
    { "group in other letters", "[lockspace]\n", "line 1: There is no such group." },
    { "twice", GOOD "Offset=0\nOffset = 0\n", "line 5: The key is given twice." },
    { "twice in two groups", GOOD "[Lockspace]\nName=vg0\n", "line 5: The key is given twice." },
    { "other name", "[Lockspace]\nName=vg1\nPath=/x\n", "line 2: The file is the record of" },
    { "empty name", "[Lockspace]\nName=\nPath=/x\n", "line 2: The value cannot be" },
    { "relative path", "[Lockspace]\nName=vg0\nPath=x\n", "line 3: The path is not absolute" },
    { "negative", GOOD "Offset=-512\n", "line 4: This is no such number." },
    { "odd offset", GOOD "Offset=77\n", "line 4: Offset 77" },
    { "hexadecimal", GOOD "Offset=0x200\n", "line 4: This is no such number." },
    { "large", GOOD "Offset=18446744073709551616\n", "line 4: This is no such number." },
    { "host id 0", GOOD "HostId=0\n", "line 4: This is no such number." },
    { "host id 2001", GOOD "HostId=2001\n", "line 4: This is no such number." },
    { "host id in words", GOOD "HostId=Auto\n", "line 4: This is no such number." },
    { "io timeout 0", GOOD "IoTimeout=0\n", "line 4: This is no such number." },
    { "io timeout 256", GOOD "IoTimeout=256\n", "line 4: This is no such number." },
    { "startup", GOOD "Startup=yes\n", "line 4: There is no such startup." },
    { "chosen host id", GOOD "ChosenHostId=auto\n", "line 4: This is no such number." },
    { "control character", GOOD "ChosenOn=a\x1b[31m\n", "line 4: The value cannot be" },
    { "no text", GOOD "ChosenOn=\xff\n", "line 4: This is no text" },
};

static void test_bad(gconstpointer data)
{
    const Bad *one = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *expected = g_strconcat(FILE_NAME ", ", one->message, NULL);

    g_assert_null(parse(one->text, -1, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);
    if (!g_str_has_prefix(error->message, expected))
        g_error("%s: %s", one->name, error->message);
    /* Cause and cure, and nothing of the file that a terminal would take for an order. */
    g_auto(GStrv) lines = g_strsplit(error->message, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 2);
    g_assert_null(strchr(error->message, '\x1b'));
}

/* A NUL ends nothing. */
static void test_nul(void)
{
    static const char text[] = GOOD "Offset=0\0\nHostId=x\n";
    g_autoptr(GError) error = NULL;

    g_assert_null(parse(text, sizeof text - 1, &error));
    g_assert_true(g_str_has_prefix(error->message, FILE_NAME ", line 4: This is no text"));
}

/* Cut at every byte, and with every byte another one: refused with a reason, or understood as a
 * record that could be written. */
static void test_damage(void)
{
    const LockspaceSettings settings = {
        "vg0", "/dev/x", 512, 0, 10, TRUE, 17, "0123456789abcdef"
    };
    g_autofree char *text = lockspace_settings_print(&settings);
    gsize length = strlen(text);

    for (gsize i = 0; i < length * 257; i++) {
        g_autofree char *damaged = g_memdup2(text, length + 1);
        g_autoptr(GError) error = NULL;
        g_autoptr(LockspaceSettings) got = NULL;

        if (i < length)
            got = parse(damaged, (gssize)i, &error);
        else {
            damaged[i % length] = (char)(i / length);
            got = parse(damaged, (gssize)length, &error);
        }
        if (got == NULL)
            g_assert_true(g_str_has_prefix(error->message, FILE_NAME ", line "));
        else
            g_assert_true(lockspace_settings_check(got, NULL));
    }
}

static void test_check(void)
{
    LockspaceSettings settings = { .name = (char *)"vg0", .path = (char *)"/x" };

    g_assert_true(lockspace_settings_check(&settings, NULL));
    for (const char *const *name =
             (const char *const[]){ "", ".", "..", ".vg0", "a/b", "a b", NULL };
         *name != NULL; name++) {
        settings.name = (char *)*name;
        g_assert_false(lockspace_settings_check(&settings, NULL));
    }
    settings.name = (char *)"vg0";
    for (const char *const *path = (const char *const[]){ "", "x", "/x ", "/x\ny", "/\xff", NULL };
         *path != NULL; path++) {
        settings.path = (char *)*path;
        g_assert_false(lockspace_settings_check(&settings, NULL));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lockspace-settings/whole", test_whole);
    g_test_add_func("/lockspace-settings/defaults", test_defaults);
    g_test_add_func("/lockspace-settings/round-trip", test_round_trip);
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *path = g_strdup_printf("/lockspace-settings/bad/%s", bad[i].name);
        g_test_add_data_func(path, &bad[i], test_bad);
    }
    g_test_add_func("/lockspace-settings/nul", test_nul);
    g_test_add_func("/lockspace-settings/damage", test_damage);
    g_test_add_func("/lockspace-settings/check", test_check);
    return g_test_run();
}
