/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/output-table.h"

#include "ctl/safe-text.h"

#define GAP 2u

typedef struct Column {
    char *title;
    gboolean right;
    guint width;
} Column;

typedef struct Cell {
    char *text;
    guint width;
    TableColor color;
} Cell;

struct OutputTable {
    GArray *columns;
    GArray *cells;
};

static void column_clear(Column *column)
{
    g_free(column->title);
}

static void cell_clear(Cell *cell)
{
    g_free(cell->text);
}

OutputTable *output_table_new(const char *title, ...)
{
    OutputTable *self = g_new0(OutputTable, 1);
    self->columns = g_array_new(FALSE, FALSE, sizeof(Column));
    self->cells = g_array_new(FALSE, FALSE, sizeof(Cell));
    g_array_set_clear_func(self->columns, (GDestroyNotify)column_clear);
    g_array_set_clear_func(self->cells, (GDestroyNotify)cell_clear);

    va_list args;
    va_start(args, title);
    for (const char *t = title; t; t = va_arg(args, const char *)) {
        Column column = { .right = t[0] == '>' };
        column.title = safe_text(column.right ? t + 1 : t);
        column.width = text_width(column.title);
        g_array_append_val(self->columns, column);
    }
    va_end(args);
    return self;
}

void output_table_free(OutputTable *self)
{
    if (!self)
        return;
    g_array_unref(self->columns);
    g_array_unref(self->cells);
    g_free(self);
}

void output_table_add(OutputTable *self, TableColor color, const char *text)
{
    Column *column = &g_array_index(self->columns, Column, self->cells->len % self->columns->len);
    Cell cell = { .text = safe_text(text && text[0] ? text : "-"), .color = color };
    cell.width = text_width(cell.text);
    column->width = MAX(column->width, cell.width);
    g_array_append_val(self->cells, cell);
}

void output_table_addf(OutputTable *self, TableColor color, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    output_table_add(self, color, text);
}

guint output_table_n_rows(OutputTable *self)
{
    return self->cells->len / self->columns->len;
}

char *colored_text(TableColor color, const char *text, gboolean enabled)
{
    static const char *const codes[TABLE_COLOR_COUNT] = {
        [TABLE_PLAIN] = NULL,  [TABLE_BOLD] = "1",   [TABLE_DIM] = "2",   [TABLE_GREEN] = "32",
        [TABLE_YELLOW] = "33", [TABLE_RED] = "1;31", [TABLE_CYAN] = "36",
    };
    if (!enabled || !codes[color])
        return g_strdup(text);
    return g_strdup_printf("\033[%sm%s\033[0m", codes[color], text);
}

static void append_blanks(GString *line, guint n)
{
    for (guint i = 0; i < n; i++)
        g_string_append_c(line, ' ');
}

/* `pending`: blanks owed, written only when something visible follows. */
static void append_cell(GString *out, guint *pending, const Column *column, const char *text,
                        guint width, TableColor color, gboolean use_color)
{
    guint fill = column->width - width;
    g_autofree char *shown = colored_text(color, text, use_color);
    append_blanks(out, *pending + (column->right ? fill : 0));
    g_string_append(out, shown);
    *pending = GAP + (column->right ? 0 : fill);
}

char *output_table_print(OutputTable *self, guint indent, gboolean color)
{
    GString *out = g_string_new(NULL);
    guint n_columns = self->columns->len;
    guint pending = indent;
    for (guint i = 0; i < n_columns; i++) {
        const Column *column = &g_array_index(self->columns, Column, i);
        append_cell(out, &pending, column, column->title, text_width(column->title), TABLE_BOLD,
                    color);
    }
    g_string_append_c(out, '\n');
    for (guint i = 0; i < self->cells->len; i++) {
        const Cell *cell = &g_array_index(self->cells, Cell, i);
        if (i % n_columns == 0)
            pending = indent;
        append_cell(out, &pending, &g_array_index(self->columns, Column, i % n_columns), cell->text,
                    cell->width, cell->color, color);
        if (i % n_columns == n_columns - 1)
            g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}
