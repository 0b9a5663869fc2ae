/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The register of writes in flight, alone: which ranges exclude each other, and who is woken.
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include "blockio/write-register.h"

static WriteFence fence_of(guint64 minor, guint64 offset, guint64 length)
{
    return (WriteFence){ .key_major = 1,
                         .key_minor = minor,
                         .offset = offset,
                         .length = length,
                         .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
}

static void done_with(WriteFence *fence)
{
    write_register_leave(fence);
    close(fence->wake_fd);
}

static gboolean was_woken(const WriteFence *fence)
{
    guint64 count = 0;

    return read(fence->wake_fd, &count, sizeof(count)) == (gssize)sizeof(count);
}

static void test_ranges(void)
{
    static const struct {
        guint64 minor;
        guint64 offset;
        guint64 length;
        gboolean enters;
    } rows[] = {
        { 1, 4096, 512, FALSE }, { 1, 3584, 512, TRUE },  { 1, 3584, 513, FALSE },
        { 1, 8191, 1, FALSE },   { 1, 8192, 512, TRUE },  { 1, 0, G_MAXUINT64, FALSE },
        { 1, 5000, 10, FALSE },  { 2, 4096, 4096, TRUE }, { 1, G_MAXUINT64 - 10, 10, TRUE },
    };
    WriteFence first = fence_of(1, 4096, 4096);

    g_assert_true(write_register_enter(&first));
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        WriteFence other = fence_of(rows[i].minor, rows[i].offset, rows[i].length);

        g_assert_cmpint(write_register_overlaps(1, rows[i].minor, rows[i].offset, rows[i].length),
                        ==, !rows[i].enters);
        g_assert_cmpint(write_register_enter(&other), ==, rows[i].enters);
        done_with(&other);
    }
    done_with(&first);
    g_assert_false(write_register_overlaps(1, 1, 0, G_MAXUINT64));
}

static void test_wakes(void)
{
    WriteFence first = fence_of(1, 0, 1024);
    WriteFence second = fence_of(1, 2048, 512);
    WriteFence waiter = fence_of(1, 512, 2048);
    WriteFence gone = fence_of(1, 0, 512);
    WriteFence bystander = fence_of(1, 2048, 16);

    g_assert_true(write_register_enter(&first));
    g_assert_true(write_register_enter(&second));
    g_assert_false(write_register_enter(&waiter));
    g_assert_false(write_register_enter(&gone));
    g_assert_false(write_register_enter(&bystander));
    write_register_leave(&gone);
    g_assert_false(was_woken(&waiter));

    write_register_leave(&first);
    g_assert_true(was_woken(&waiter));
    g_assert_false(was_woken(&gone));
    g_assert_false(was_woken(&bystander));
    /* The other one is still there: it waits on, and is woken again. */
    g_assert_false(write_register_enter(&waiter));
    write_register_leave(&second);
    g_assert_true(was_woken(&waiter));
    g_assert_true(was_woken(&bystander));
    g_assert_true(write_register_enter(&waiter));
    g_assert_false(write_register_enter(&bystander));
    done_with(&first);
    done_with(&second);
    done_with(&waiter);
    done_with(&gone);
    done_with(&bystander);
}

/* A waiter promises nothing and holds up nobody. */
static void test_waiter_does_not_block(void)
{
    WriteFence first = fence_of(1, 0, 512);
    WriteFence waiter = fence_of(1, 0, 1024);
    WriteFence third = fence_of(1, 512, 512);

    g_assert_true(write_register_enter(&first));
    g_assert_false(write_register_enter(&waiter));
    g_assert_true(write_register_enter(&third));
    done_with(&waiter);
    done_with(&third);
    done_with(&first);
    write_register_leave(&first);
}

/* Taken away: who waits is woken and finds that it may not, who has entered stays until its end. */
static void test_revoked(void)
{
    g_autoptr(WritePermit) permit = write_permit_new();
    WriteFence first = fence_of(1, 0, 512);
    WriteFence waiter = fence_of(1, 0, 1024);
    WriteFence other = fence_of(1, 0, 512);
    WriteFence late = fence_of(1, 4096, 512);

    first.permit = waiter.permit = late.permit = permit;
    g_assert_true(write_register_enter(&first));
    g_assert_false(write_register_enter(&waiter));
    g_assert_false(write_register_enter(&other));
    write_permit_revoke(permit);
    g_assert_true(was_woken(&waiter));
    g_assert_false(was_woken(&other));
    g_assert_false(write_register_enter(&waiter));
    g_assert_cmpint(waiter.state, ==, WRITE_FENCE_REVOKED);
    g_assert_true(write_register_overlaps(1, 1, 0, 512));
    g_assert_false(write_register_enter(&late));
    g_assert_cmpint(late.state, ==, WRITE_FENCE_REVOKED);

    write_register_leave(&first);
    g_assert_false(was_woken(&waiter));
    g_assert_false(write_register_enter(&waiter));
    g_assert_true(write_register_enter(&other));
    done_with(&waiter);
    done_with(&late);
    done_with(&other);
    done_with(&first);
    g_assert_false(write_register_overlaps(1, 1, 0, G_MAXUINT64));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/write-register/ranges", test_ranges);
    g_test_add_func("/write-register/wakes", test_wakes);
    g_test_add_func("/write-register/waiter-does-not-block", test_waiter_does_not_block);
    g_test_add_func("/write-register/revoked", test_revoked);
    return g_test_run();
}
