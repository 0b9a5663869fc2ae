/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text of unknown origin, made fit for a terminal.
 *
 * Host names and names of lockspaces come from a disk that anybody may have written: a control
 * character in one could move the cursor, recolour or rewrite what an administrator reads.
 */
#pragma once

#include <glib.h>

/* A copy in which everything that is not a visible character or a blank is an escape: \xNN for
 * bytes that are no UTF-8, \u{N} for control and formatting characters, \\ for a backslash, so that
 * no text looks like another's escape. NULL becomes "". */
char *safe_text(const char *text);

/* A copy of JSON text in which the characters that JSON allows to stand but a terminal would obey
 * are JSON escapes. `json` is valid UTF-8. */
char *safe_json(const char *json);

/* Columns that a text from safe_text() takes on a terminal. */
guint text_width(const char *text);
