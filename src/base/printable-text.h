/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text that may be shown and passed on: well-formed UTF-8 without control characters. (D-Bus takes
 * no other text than UTF-8, and a log or a terminal may take a control character for an order.)
 */
#pragma once

#include <stddef.h>

/* How many of the `n` bytes are such text: `n`, or the offset of the first byte of what is not. A
 * NUL byte is a control character. */
size_t printable_text_length(const char *text, size_t n);
