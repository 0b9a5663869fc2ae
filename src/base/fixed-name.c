/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names in fields of 48 bytes. All 48 may be used, so a field is no C string: nothing here reads a
 * field past its end in search of a NUL.
 */
#include "base/fixed-name.h"

#include <string.h>

/* Written with numbers, not with isgraph(): what a name may be must not depend on the locale. */
static bool name_character_ok(char c)
{
    return c > 0x20 && c < 0x7F && c != '/' && c != ':' && c != '\\';
}

NameFault fixed_name_check(const char *name, unsigned max_length)
{
    size_t length = strnlen(name, (size_t)max_length + 1);

    if (length == 0)
        return NAME_EMPTY;
    if (length > max_length)
        return NAME_TOO_LONG;
    for (size_t i = 0; i < length; i++) {
        if (!name_character_ok(name[i]))
            return NAME_BAD_CHARACTER;
    }
    return NAME_OK;
}

void fixed_name_store(uint8_t field[FIXED_NAME_SIZE], const char *name)
{
    memset(field, 0, FIXED_NAME_SIZE);
    memcpy(field, name, strnlen(name, FIXED_NAME_SIZE));
}

void fixed_name_load(char text[FIXED_NAME_SIZE + 1], const uint8_t field[FIXED_NAME_SIZE])
{
    size_t length = strnlen((const char *)field, FIXED_NAME_SIZE);

    memset(text, 0, FIXED_NAME_SIZE + 1);
    memcpy(text, field, length);
}

bool fixed_name_equal(const uint8_t field[FIXED_NAME_SIZE], const char *name)
{
    return strncmp((const char *)field, name, FIXED_NAME_SIZE) == 0;
}
