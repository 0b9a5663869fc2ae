/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names to object paths and back.
 */
#include "dbus/object-path.h"

#include <string.h>

static gboolean is_plain(const char *name, const char *at)
{
    return g_ascii_isalpha(*at) || (at > name && g_ascii_isdigit(*at));
}

char *object_path_escape(const char *name)
{
    if (*name == '\0')
        return g_strdup("_");

    GString *label = g_string_sized_new(strlen(name) + 8);
    for (const char *at = name; *at != '\0'; at++) {
        if (is_plain(name, at))
            g_string_append_c(label, *at);
        else
            g_string_append_printf(label, "_%02x", (guint8)*at);
    }
    return g_string_free(label, FALSE);
}

char *object_path_unescape(const char *label)
{
    if (strcmp(label, "_") == 0)
        return g_strdup("");
    if (*label == '\0')
        return NULL;

    g_autoptr(GString) name = g_string_sized_new(strlen(label));
    for (const char *at = label; *at != '\0'; at++) {
        if (*at != '_') {
            g_string_append_c(name, *at);
            continue;
        }
        int high = at[1] != '\0' ? g_ascii_xdigit_value(at[1]) : -1;
        int low = high >= 0 && at[2] != '\0' ? g_ascii_xdigit_value(at[2]) : -1;
        if (high < 0 || low < 0 || (high == 0 && low == 0))
            return NULL;
        g_string_append_c(name, (char)(high * 16 + low));
        at += 2;
    }

    /* One name, one path: what merely decodes ("_61" for "a", capitals in the hex) is refused. */
    g_autofree char *again = object_path_escape(name->str);
    if (strcmp(again, label) != 0)
        return NULL;
    return g_strdup(name->str);
}

char *object_path_lockspace(const char *name)
{
    g_autofree char *label = object_path_escape(name);
    return g_strconcat(OBJECT_PATH_ROOT "/lockspaces/", label, NULL);
}

char *object_path_host(const char *lockspace, guint64 host_id)
{
    g_autofree char *label = object_path_escape(lockspace);
    return g_strdup_printf(OBJECT_PATH_ROOT "/lockspaces/%s/hosts/%" G_GUINT64_FORMAT, label,
                           host_id);
}

char *object_path_resource(const char *lockspace, const char *resource)
{
    g_autofree char *lockspace_label = object_path_escape(lockspace);
    g_autofree char *resource_label = object_path_escape(resource);
    return g_strconcat(OBJECT_PATH_ROOT "/lockspaces/", lockspace_label, "/resources/",
                       resource_label, NULL);
}

char *object_path_registration(guint64 id)
{
    return g_strdup_printf(OBJECT_PATH_ROOT "/registrations/%" G_GUINT64_FORMAT, id);
}

char *object_path_incident(guint64 number)
{
    return g_strdup_printf(OBJECT_PATH_ROOT "/incidents/%" G_GUINT64_FORMAT, number);
}

char *object_path_record(const char *name)
{
    g_autofree char *label = object_path_escape(name);

    return g_strconcat(OBJECT_PATH_ROOT "/records/", label, NULL);
}
