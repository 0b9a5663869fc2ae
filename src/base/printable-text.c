/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/printable-text.h"

#include <stdint.h>

/* The length of the character at `text`; 0 when it is none that may be there. Overlong forms,
 * surrogates and what is above U+10FFFF are no UTF-8 (RFC 3629, section 3). */
static size_t character_length(const unsigned char *text, size_t n)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint32_t code = text[0];
    size_t length = code < 0x80 ? 1 : code < 0xc0 ? 0 : code < 0xe0 ? 2 : code < 0xf0 ? 3 : 4;

    if (length == 0 || length > n || code >= 0xf8)
        return 0;
    if (length == 1)
        return code >= 0x20 && code != 0x7f ? 1 : 0;

    code &= 0x7fu >> length;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3fu);
    }
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    return code >= 0xa0 ? length : 0; /* U+0080 to U+009F are control characters, too */
}

size_t printable_text_length(const char *text, size_t n)
{
    size_t at = 0;

    while (at < n) {
        size_t length = character_length((const unsigned char *)text + at, n - at);

        if (length == 0)
            break;
        at += length;
    }
    return at;
}
