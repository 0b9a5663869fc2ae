/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where output goes and in which form: text for people, or JSON for programs. Colours only on a
 * terminal, and neither with --no-color nor where NO_COLOR is set.
 */
#pragma once

#include <glib.h>

#include "ctl/output-table.h"

typedef struct Output {
    gboolean json;
    gboolean color; /* on stdout */
} Output;

void output_init(Output *self, gboolean json, gboolean no_color);

/* The value as JSON on stdout, ended with a newline: over several lines, or as a single one. Takes
 * a floating value. Numbers from 2^63 on, which no sane lease has, come out negative: json-glib
 * knows signed ones only. */
void output_json(GVariant *value, gboolean one_line);

void output_table(const Output *self, OutputTable *table, guint indent);

/* A line on stdout. The text is the program's own, or was made safe. */
void output_line(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* A heading on stdout. */
void output_heading(const Output *self, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* FALSE when stdout could not be written (a full disk, a closed pipe): the answer is lost then. */
gboolean output_finish(void);

/* "2:05", "85 s": a span for people; `usec` is rounded down to seconds. */
char *span_text(guint64 usec);
