/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pool of aligned buffers: alignment, reuse, and its bound.
 */
#include <string.h>
#include <sys/mman.h>

#include "blockio/aligned-buffer.h"

static void test_sizes(void)
{
    static const gsize sizes[] = { 1, 512, 4096, 4097, 65536, 1 << 20, (8 << 20) + 1 };

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        guint8 *buffer = aligned_buffer_take(sizes[i]);

        g_assert_nonnull(buffer);
        g_assert_cmpuint((guintptr)buffer % 4096, ==, 0);
        memset(buffer, 0xa5, sizes[i]);
        g_assert_cmpuint(aligned_buffer_get_taken(), ==, 1);
        aligned_buffer_give(buffer, sizes[i]);
    }
    g_assert_null(aligned_buffer_take(0));
    aligned_buffer_give(NULL, 512);
    g_assert_cmpuint(aligned_buffer_get_taken(), ==, 0);
}

/* The kernel finds all pages there: a fresh one would cost io_submit a page fault, and perhaps a
 * sleep. */
static void test_has_its_pages(void)
{
    /* No other test gives a buffer of this size to the pool. */
    const gsize size = 2 << 20;
    guint8 *buffer = aligned_buffer_take(size);
    g_autofree guint8 *is_there = g_malloc0(size / 4096);

    g_assert_no_errno(mincore(buffer, size, is_there));
    for (gsize i = 0; i < size / 4096; i++)
        g_assert_true(is_there[i] & 1);
    aligned_buffer_give(buffer, size);
}

/* Many readers in turn share one buffer. */
static void test_reuse(void)
{
    guint8 *first = aligned_buffer_take(1 << 20);

    aligned_buffer_give(first, 1 << 20);
    for (int i = 0; i < 500; i++) {
        guint8 *buffer = aligned_buffer_take(1 << 20);

        g_assert_true(buffer == first);
        aligned_buffer_give(buffer, 1 << 20);
    }
}

static void test_bound(void)
{
    guint8 *buffers[40];

    for (gsize i = 0; i < G_N_ELEMENTS(buffers); i++)
        buffers[i] = aligned_buffer_take(1 << 20);
    for (gsize i = 0; i < G_N_ELEMENTS(buffers); i++) {
        buffers[i][0] = (guint8)i;
        aligned_buffer_give(buffers[i], 1 << 20);
        g_assert_cmpuint(aligned_buffer_get_pooled_bytes(), <=, ALIGNED_BUFFER_POOL_BYTES);
    }
    g_assert_cmpuint(aligned_buffer_get_taken(), ==, 0);
    g_assert_cmpuint(aligned_buffer_get_pooled_bytes(), >, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aligned-buffer/sizes", test_sizes);
    g_test_add_func("/aligned-buffer/has-its-pages", test_has_its_pages);
    g_test_add_func("/aligned-buffer/reuse", test_reuse);
    g_test_add_func("/aligned-buffer/bound", test_bound);
    return g_test_run();
}
