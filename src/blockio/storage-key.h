/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The key of one storage for hash tables; see block_device_get_key_major().
 */
#pragma once

#include <glib.h>

typedef struct StorageKey {
    guint64 major;
    guint64 minor;
} StorageKey;

static inline guint storage_key_hash(gconstpointer data)
{
    const StorageKey *key = data;
    guint64 mixed = (key->major * 31 + key->minor) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);

    return (guint)(mixed >> 32);
}

static inline gboolean storage_key_equal(gconstpointer a, gconstpointer b)
{
    const StorageKey *key_a = a;
    const StorageKey *key_b = b;

    return key_a->major == key_b->major && key_a->minor == key_b->minor;
}
