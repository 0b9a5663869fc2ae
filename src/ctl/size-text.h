/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers and sizes as people type and read them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum SizeFault {
    SIZE_OK,
    SIZE_NOT_A_NUMBER,
    SIZE_BAD_SUFFIX, /* something else than K, M or G after the digits */
    SIZE_TOO_LARGE,  /* does not fit into 64 bits */
} SizeFault;

/* Decimal bytes, with K, M or G (in either case) for 1024, 1024² or 1024³. No sign, no blanks.
 * *ret is untouched on failure. */
SizeFault size_text_parse(uint64_t *ret, const char *text);

/* Digits only. */
SizeFault number_text_parse(uint64_t *ret, const char *text);

#define SIZE_TEXT_MAX 24u

/* The shortest exact form: 1048576 is "1M", 1000 is "1000". size_text_parse() reads it back. */
void size_text_print(char text[SIZE_TEXT_MAX], uint64_t size);
