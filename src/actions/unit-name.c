/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules of systemd.unit(5), "Unit File Load Path" and "Description".
 */
#include "actions/unit-name.h"

#include <string.h>

#define UNIT_NAME_BYTES_MAX 255u

static const struct {
    const char *suffix;
    const char *interface;
} types[] = {
    { ".service", "org.freedesktop.systemd1.Service" },
    { ".scope", "org.freedesktop.systemd1.Scope" },
    { ".slice", "org.freedesktop.systemd1.Slice" },
};

const char *unit_name_get_interface(const char *name)
{
    const char *at, *dot;

    if (name == NULL || strlen(name) > UNIT_NAME_BYTES_MAX)
        return NULL;
    for (const char *c = name; *c != '\0'; c++)
        if (!g_ascii_isalnum(*c) && strchr(":-_.\\@", *c) == NULL)
            return NULL;
    dot = strrchr(name, '.');
    at = strchr(name, '@');
    if (dot == NULL || dot == name || at == name || (at != NULL && at + 1 == dot))
        return NULL;
    for (guint i = 0; i < G_N_ELEMENTS(types); i++)
        if (strcmp(dot, types[i].suffix) == 0)
            return types[i].interface;
    return NULL;
}

gboolean unit_name_is_valid(const char *name)
{
    return unit_name_get_interface(name) != NULL;
}
