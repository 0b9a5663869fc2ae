/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who may be at I/O, by number and by storage.
 */
#include <glib/gstdio.h>
#include <unistd.h>

#include "engine/machine-turns.h"

typedef struct Storage {
    char *path;
    BlockDevice *device;
} Storage;

static void set_up(Storage *storage)
{
    g_autoptr(GError) error = NULL;
    int fd;

    storage->path = g_build_filename("/var/tmp", "bailiff-turns-XXXXXX", NULL);
    fd = g_mkstemp(storage->path);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    storage->device = block_device_open(storage->path, FALSE, &error);
    g_assert_no_error(error);
}

static void tear_down(Storage *storage)
{
    block_device_unref(storage->device);
    g_unlink(storage->path);
    g_free(storage->path);
}

static void take_all(MachineTurns *turns, const BlockDevice *device)
{
    for (guint i = 0; i < MACHINE_TURNS_MAX; i++)
        g_assert_true(machine_turns_take(turns, device, GUINT_TO_POINTER(i + 1)));
}

static void give_all(MachineTurns *turns, const BlockDevice *device, guint n)
{
    for (guint i = 0; i < n; i++)
        g_assert_null(machine_turns_give(turns, device));
}

static void test_in_line(void)
{
    g_autoptr(MachineTurns) turns = machine_turns_new();
    Storage storage;
    int a, b;

    set_up(&storage);
    take_all(turns, storage.device);
    g_assert_false(machine_turns_take(turns, storage.device, &a));
    g_assert_false(machine_turns_take(turns, storage.device, &b));
    g_assert_true(machine_turns_give(turns, storage.device) == &a);
    g_assert_true(machine_turns_give(turns, storage.device) == &b);
    give_all(turns, storage.device, MACHINE_TURNS_MAX);
    tear_down(&storage);
}

static void test_storages_are_apart(void)
{
    g_autoptr(MachineTurns) turns = machine_turns_new();
    Storage hung, well;
    int a;

    set_up(&hung);
    set_up(&well);
    take_all(turns, hung.device);
    g_assert_false(machine_turns_take(turns, hung.device, &a));
    take_all(turns, well.device);
    give_all(turns, well.device, MACHINE_TURNS_MAX);
    g_assert_true(machine_turns_give(turns, hung.device) == &a);
    give_all(turns, hung.device, MACHINE_TURNS_MAX);
    tear_down(&hung);
    tear_down(&well);
}

/* They have a turn more than there are: nobody follows them before their number is used up. */
static void test_at_once(void)
{
    g_autoptr(MachineTurns) turns = machine_turns_new();
    Storage storage;
    int a, b, c;

    set_up(&storage);
    take_all(turns, storage.device);
    g_assert_false(machine_turns_take(turns, storage.device, &a));
    g_assert_false(machine_turns_take(turns, storage.device, &b));
    machine_turns_take_at_once(turns, storage.device, &a);
    machine_turns_take_at_once(turns, storage.device, &c);
    g_assert_null(machine_turns_give(turns, storage.device));
    g_assert_null(machine_turns_give(turns, storage.device));
    g_assert_true(machine_turns_give(turns, storage.device) == &b);
    give_all(turns, storage.device, MACHINE_TURNS_MAX);
    tear_down(&storage);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/machine-turns/in-line", test_in_line);
    g_test_add_func("/machine-turns/storages-are-apart", test_storages_are_apart);
    g_test_add_func("/machine-turns/at-once", test_at_once);
    return g_test_run();
}
