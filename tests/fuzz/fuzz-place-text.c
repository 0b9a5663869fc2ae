/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Places on storage as people type them: PATH[:OFFSET], RESOURCE@PATH[:OFFSET].
 */
#include <string.h>

#include "ctl/place-text.h"
#include "fuzz.h"

static void assert_told(const GError *error)
{
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, !=, "");
}

/* What was understood, written out in full, is understood as the same. */
static void assert_place(const StoragePlace *place)
{
    g_autofree char *text = g_strdup_printf("%s:%" G_GUINT64_FORMAT, place->path, place->offset);
    g_auto(StoragePlace) again = { 0 };
    g_autoptr(GError) error = NULL;

    g_assert_true(g_path_is_absolute(place->path));
    g_assert_true(storage_place_parse(&again, text, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(again.path, ==, place->path);
    g_assert_cmpuint(again.offset, ==, place->offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = fuzz_text(data, size);
    g_autoptr(GError) error = NULL, resource_error = NULL;
    g_auto(StoragePlace) place = { NULL, 0xC3 };

    if (storage_place_parse(&place, text, &error)) {
        g_assert_no_error(error);
        assert_place(&place);
        /* An offset is never made of nothing. */
        if (place.offset != 0)
            g_assert_nonnull(strchr(text, ':'));
    } else {
        assert_told(error);
        g_assert_null(place.path);
        g_assert_cmpuint(place.offset, ==, 0xC3);
    }

    g_autoptr(ResourcePlace) resource = resource_place_parse(text, &resource_error);
    if (resource == NULL) {
        assert_told(resource_error);
        return 0;
    }
    g_assert_no_error(resource_error);
    g_assert_cmpstr(resource->resource, !=, "");
    g_assert_null(strchr(resource->resource, '@'));
    g_assert_true(g_str_has_prefix(text, resource->resource));
    assert_place(&resource->place);
    return 0;
}
