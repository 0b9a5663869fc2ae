/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sectors in tests/vectors, and bytes at random, for tests of what is on disk.
 *
 * What is handed out is allocated at its exact size, so that valgrind and the address sanitizer see
 * a read of one byte too many.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

/* Loads a vector, which must have `size` bytes. Free with g_free(). */
static inline uint8_t *vector_load(const char *name, gsize size)
{
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "..", "vectors", name, NULL);
    g_autofree char *contents = NULL;
    g_autoptr(GError) error = NULL;
    gsize length = 0;

    g_file_get_contents(path, &contents, &length, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(length, ==, size);
    return g_memdup2(contents, length);
}

/* From GTest's generator: `--seed` gives the same bytes again. Free with g_free(). */
static inline uint8_t *random_bytes(gsize size)
{
    uint8_t *bytes = g_malloc(size);

    for (gsize i = 0; i < size; i++)
        bytes[i] = (uint8_t)g_test_rand_int();
    return bytes;
}
