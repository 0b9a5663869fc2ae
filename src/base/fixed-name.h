/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of lockspaces, resources and hosts: at most 48 bytes, NUL padded on disk, and not
 * necessarily NUL terminated there.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FIXED_NAME_SIZE 48
/* A host's name is cut to this on disk; a longer one would never compare equal again (a restart
 * would have to wait as long as for a stranger's lease). */
#define HOST_NAME_MAX_LENGTH 47

typedef enum NameFault {
    NAME_OK,
    NAME_EMPTY,
    NAME_TOO_LONG,
    /* A byte that is not a printable ASCII character, or a blank, '/', ':' or '\\': sanlock's own
     * text forms and every path that is made of the name could no longer be taken apart. */
    NAME_BAD_CHARACTER,
} NameFault;

/* Checks a name that a user gave. `max_length`: FIXED_NAME_SIZE or HOST_NAME_MAX_LENGTH. */
NameFault fixed_name_check(const char *name, unsigned max_length);

/* Pads `name` with NUL; `name` must have passed fixed_name_check(). */
void fixed_name_store(uint8_t field[FIXED_NAME_SIZE], const char *name);

/* Copies a field from disk into `text`, always NUL terminated; the bytes are not checked: whoever
 * shows them to a person must escape them. */
void fixed_name_load(char text[FIXED_NAME_SIZE + 1], const uint8_t field[FIXED_NAME_SIZE]);

/* Equal up to the first NUL or 48 bytes: what sanlock compares. */
bool fixed_name_equal(const uint8_t field[FIXED_NAME_SIZE], const char *name);
