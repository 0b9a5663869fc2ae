/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Many opens at a time: each call is answered once, with a device of its own or a shared one. Opens
 * that hang are played by tests/bus/test_hung_devices.py.
 */
#include <glib/gstdio.h>
#include <unistd.h>

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "engine/device-opener.h"

#define CALLS 500u

typedef struct Answers {
    guint opened;
    guint failed;
    GHashTable *devices; /* set of BlockDevice, references */
} Answers;

static void on_open(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Answers *answers = user_data;
    g_autoptr(GError) error = NULL;
    BlockDevice *device = device_open_finish(result, &error);

    if (device != NULL) {
        answers->opened++;
        g_hash_table_add(answers->devices, device);
    } else {
        answers->failed++;
        g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);
    }
}

static char *make_file(void)
{
    g_autofree char *path = g_build_filename("/var/tmp", "bailiff-opener-XXXXXX", NULL);
    int fd = g_mkstemp(path);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, 1 << 20), ==, 0);
    close(fd);
    return g_steal_pointer(&path);
}

static void test_many(void)
{
    Answers answers = {
        .devices = g_hash_table_new_full(NULL, NULL, (GDestroyNotify)block_device_unref, NULL),
    };
    g_autoptr(DeviceOpeners) openers = device_openers_new();
    g_autofree char *path = make_file();

    for (guint i = 0; i < CALLS; i++) {
        device_open_async(openers, path, FALSE, 600 * USEC_PER_SECOND, on_open, &answers);
        device_open_async(openers, "/nonexistent/storage", FALSE, 600 * USEC_PER_SECOND, on_open,
                          &answers);
    }
    while (answers.opened + answers.failed < 2 * CALLS)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(answers.opened, ==, CALLS);
    g_assert_cmpuint(answers.failed, ==, CALLS);
    /* Those that had to wait share one open for each turn. */
    g_assert_cmpuint(g_hash_table_size(answers.devices), <, CALLS / 2);
    g_hash_table_unref(answers.devices);
    g_unlink(path);
}

/* Nobody keeps the set but the calls. */
static void test_set_that_is_given_up(void)
{
    Answers answers = {
        .devices = g_hash_table_new_full(NULL, NULL, (GDestroyNotify)block_device_unref, NULL),
    };
    DeviceOpeners *openers = device_openers_new();

    for (guint i = 0; i < CALLS; i++)
        device_open_async(openers, "/nonexistent/storage", TRUE, 600 * USEC_PER_SECOND, on_open,
                          &answers);
    device_openers_unref(openers);
    while (answers.failed < CALLS)
        g_main_context_iteration(NULL, TRUE);
    g_hash_table_unref(answers.devices);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/device-opener/many", test_many);
    g_test_add_func("/device-opener/set-that-is-given-up", test_set_that_is_given_up);
    return g_test_run();
}
