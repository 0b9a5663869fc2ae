/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A table for people: columns aligned by what the cells take on a terminal. All cells are made safe
 * here (safe-text.h), so that no caller can forget it.
 */
#pragma once

#include <glib.h>

typedef enum TableColor {
    TABLE_PLAIN,
    TABLE_BOLD,
    TABLE_DIM,
    TABLE_GREEN,
    TABLE_YELLOW,
    TABLE_RED,
    TABLE_CYAN,
    TABLE_COLOR_COUNT,
} TableColor;

typedef struct OutputTable OutputTable;

/* The titles, with NULL at the end; one that begins with '>' (not shown) is aligned to the right.
 */
OutputTable *output_table_new(const char *title, ...) G_GNUC_NULL_TERMINATED;
void output_table_free(OutputTable *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OutputTable, output_table_free)

/* The next cell; rows fill from the left. An empty text is shown as "-". */
void output_table_add(OutputTable *self, TableColor color, const char *text);
void output_table_addf(OutputTable *self, TableColor color, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

guint output_table_n_rows(OutputTable *self);

/* The whole table, each line begun with `indent` blanks and ended with a newline, without blanks at
 * the end of a line. */
char *output_table_print(OutputTable *self, guint indent, gboolean color);

/* Wraps `text`, which must be safe already, in the escapes of a colour. */
char *colored_text(TableColor color, const char *text, gboolean enabled);
