/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/output.h"

#include <json-glib/json-glib.h>
#include <glib/gi18n.h>
#include <stdio.h>
#include <unistd.h>

#include "base/checked-time.h"
#include "ctl/json-names.h"
#include "ctl/safe-text.h"

void output_init(Output *self, gboolean json, gboolean no_color)
{
    const char *terminal = g_getenv("TERM");
    self->json = json;
    self->color = !json && !no_color && !g_getenv("NO_COLOR") && isatty(STDOUT_FILENO) &&
                  g_strcmp0(terminal, "dumb") != 0;
}

void output_json(GVariant *value, gboolean one_line)
{
    g_autoptr(GVariant) owned = g_variant_ref_sink(value);
    g_autoptr(GVariant) spelled = json_names_spell(owned);
    g_autoptr(JsonNode) root = json_gvariant_serialize(spelled);
    g_autoptr(JsonGenerator) generator = json_generator_new();
    json_generator_set_root(generator, root);
    json_generator_set_pretty(generator, !one_line);
    g_autofree char *text = json_generator_to_data(generator, NULL);
    g_autofree char *safe = safe_json(text);
    fputs(safe, stdout);
    fputc('\n', stdout);
    fflush(stdout);
}

void output_table(const Output *self, OutputTable *table, guint indent)
{
    g_autofree char *text = output_table_print(table, indent, self->color);
    fputs(text, stdout);
}

void output_line(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    fputc('\n', stdout);
}

void output_heading(const Output *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *shown = colored_text(TABLE_BOLD, text, self->color);
    puts(shown);
}

gboolean output_finish(void)
{
    return fflush(stdout) == 0 && !ferror(stdout);
}

char *span_text(guint64 usec)
{
    unsigned long long seconds = usec / USEC_PER_SECOND;
    if (seconds < 120)
        return g_strdup_printf(_("%llu s"), seconds);
    if (seconds < 3600)
        return g_strdup_printf("%llu:%02llu", seconds / 60, seconds % 60);
    return g_strdup_printf("%llu:%02llu:%02llu", seconds / 3600, seconds / 60 % 60, seconds % 60);
}
