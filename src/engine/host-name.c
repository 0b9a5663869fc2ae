/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host name that no other host has.
 */
#include "engine/host-name.h"

#include <systemd/sd-id128.h>

#include "base/fixed-name.h"
#include "common/bailiff-error.h"

/* Names this use of the machine id; made once with a random generator, never to be changed: every
 * host would be a stranger to its own leases. */
#define BAILIFF_APPLICATION_ID                                                                     \
    SD_ID128_MAKE(3f, 5c, 1b, 0e, 77, a9, 4d, 0b, 9e, 62, 41, c4, 8a, d3, 16, f8)

/* 64 of the 128 bits: enough for any number of hosts, and room for a readable name. */
#define ID_DIGITS 16

char *bailiff_host_key(void)
{
    sd_id128_t id;
    char digits[SD_ID128_STRING_MAX];

    if (sd_id128_get_machine_app_specific(BAILIFF_APPLICATION_ID, &id) < 0)
        return NULL;
    return g_strndup(sd_id128_to_string(id, digits), ID_DIGITS);
}

char *bailiff_host_name_default(GError **error)
{
    g_autofree char *key = bailiff_host_key();
    GString *name;

    if (key == NULL) {
        bailiff_set_error(
            error, BAILIFF_ERROR_IO_ERROR,
            "Run systemd-machine-id-setup, or give bailiffd the option --host-name with "
            "a name that no other host has.",
            "This host has no machine id to make a unique host name of.");
        return NULL;
    }
    name = g_string_new(key);
    g_string_append_c(name, '.');
    g_string_append(name, g_get_host_name());
    g_string_truncate(name, MIN(name->len, HOST_NAME_MAX_LENGTH));
    if (fixed_name_check(name->str, HOST_NAME_MAX_LENGTH) != NAME_OK)
        g_string_truncate(name, ID_DIGITS);
    return g_string_free(name, FALSE);
}
