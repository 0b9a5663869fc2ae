/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options dictionary that ends every method's arguments. A key that the method does not know, a
 * value of another type, or a key given twice is an error: an option that is silently passed over
 * is a promise that is silently broken.
 */
#pragma once

#include <glib.h>

/* One key that a method knows. `value` is written only when the key is given and all is well:
 *   "b" gboolean, "u" guint32, "t" guint64,
 *   "s" char * (an own copy), any other type GVariant * (a reference).
 * What `value` held before is not freed. */
typedef struct VariantOption {
    const char *key;
    const char *type;
    gpointer value;
    guint64 min, max; /* "u" and "t" only; max 0: what the type holds */
} VariantOption;

/* InvalidArgument naming the key and what is known instead. Nothing is written on failure. */
gboolean variant_options_parse(GVariant *options, const VariantOption *known, gsize n_known,
                               GError **error);
