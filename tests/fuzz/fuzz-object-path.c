/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Object paths. The input is taken as a label that somebody else made up, and, split at the first
 * line end, as two names: different names must never get one path.
 */
#include <string.h>

#include "dbus/object-path.h"
#include "fuzz.h"

static void take_label(const char *label)
{
    g_autofree char *name = object_path_unescape(label);
    if (name == NULL)
        return;
    g_autofree char *again = object_path_escape(name);
    g_assert_cmpstr(again, ==, label);
}

static char *take_name(const char *name)
{
    char *label = object_path_escape(name);
    g_autofree char *again = object_path_unescape(label);
    g_autofree char *lockspace = object_path_lockspace(name);
    g_autofree char *host = object_path_host(name, G_MAXUINT64);
    g_autofree char *resource = object_path_resource(name, name);

    g_assert_cmpstr(again, ==, name);
    g_assert_cmpstr(label, !=, "");
    for (const char *at = label; *at != '\0'; at++)
        g_assert_true(g_ascii_isalnum(*at) || *at == '_');
    g_assert_true(g_variant_is_object_path(lockspace));
    g_assert_true(g_variant_is_object_path(host));
    g_assert_true(g_variant_is_object_path(resource));
    g_assert_true(g_str_has_suffix(lockspace, label));
    return label;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = fuzz_text(data, size);
    take_label(text);

    g_autofree char *first = g_strndup(text, strcspn(text, "\n"));
    const char *second = text + strlen(first) + (text[strlen(first)] == '\n');
    g_autofree char *first_label = take_name(first);
    g_autofree char *second_label = take_name(second);
    g_assert_cmpint(strcmp(first, second) == 0, ==, strcmp(first_label, second_label) == 0);
    return 0;
}
