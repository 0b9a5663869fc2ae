/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Foreign text in an error text. Messages have two lines and end up in logs and terminals,
 * so what comes back in them has no line breaks, no control characters, and an end.
 */
#pragma once

/* Newly allocated; `word` is valid UTF-8. */
char *printable_word(const char *word);

/* The same of bytes that may be anything, without an end of its own: a name of a file, a line of
 * one. Newly allocated. */
char *printable_bytes(const char *text);
