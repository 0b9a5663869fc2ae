/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/size-text.h"

#include <inttypes.h>
#include <stdio.h>

static SizeFault parse_digits(uint64_t *ret, const char *text, const char **ret_end)
{
    uint64_t value = 0;
    const char *p = text;
    if (*p < '0' || *p > '9')
        return SIZE_NOT_A_NUMBER;
    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return SIZE_TOO_LARGE;
        value = value * 10 + digit;
    }
    *ret = value;
    *ret_end = p;
    return SIZE_OK;
}

static unsigned suffix_shift(char suffix)
{
    switch (suffix) {
    case 'K':
    case 'k':
        return 10;
    case 'M':
    case 'm':
        return 20;
    case 'G':
    case 'g':
        return 30;
    default:
        return 0;
    }
}

SizeFault size_text_parse(uint64_t *ret, const char *text)
{
    uint64_t value;
    const char *end;
    SizeFault fault = parse_digits(&value, text, &end);
    if (fault)
        return fault;
    if (*end) {
        unsigned shift = suffix_shift(*end);
        if (shift == 0 || end[1])
            return SIZE_BAD_SUFFIX;
        if (value > UINT64_MAX >> shift)
            return SIZE_TOO_LARGE;
        value <<= shift;
    }
    *ret = value;
    return SIZE_OK;
}

SizeFault number_text_parse(uint64_t *ret, const char *text)
{
    uint64_t value;
    const char *end;
    SizeFault fault = parse_digits(&value, text, &end);
    if (fault)
        return fault;
    if (*end)
        return SIZE_BAD_SUFFIX;
    *ret = value;
    return SIZE_OK;
}

void size_text_print(char text[SIZE_TEXT_MAX], uint64_t size)
{
    static const char suffixes[] = "KMG";
    unsigned level = 0;
    while (level < 3 && size && size % 1024 == 0) {
        size /= 1024;
        level++;
    }
    if (level)
        snprintf(text, SIZE_TEXT_MAX, "%" PRIu64 "%c", size, suffixes[level - 1]);
    else
        snprintf(text, SIZE_TEXT_MAX, "%" PRIu64, size);
}
