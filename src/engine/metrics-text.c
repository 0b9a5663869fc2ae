/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing OpenMetrics. Source of the format: the OpenMetrics specification 1.0.0, "Text format".
 */
#include "engine/metrics-text.h"

#include <string.h>

#include "base/checked-time.h"

/* A renewal of healthy storage takes milliseconds, and one that takes longer than the smallest io
 * timeout is of interest by the second. `le` has to be printed the same way for ever. */
static const struct {
    guint64 bound_us;
    const char *le;
} buckets[METRICS_BUCKETS] = {
    { 1000, "0.001" },  { 5000, "0.005" },    { 10000, "0.01" },    { 50000, "0.05" },
    { 100000, "0.1" },  { 500000, "0.5" },    { 1000000, "1.0" },   { 2000000, "2.0" },
    { 5000000, "5.0" }, { 10000000, "10.0" }, { 30000000, "30.0" }, { 60000000, "60.0" },
};

void metrics_histogram_observe(MetricsHistogram *self, guint64 duration_us)
{
    guint i = 0;

    while (i < METRICS_BUCKETS && duration_us > buckets[i].bound_us)
        i++;
    self->buckets[i]++;
    self->sum_us = time_add(self->sum_us, duration_us);
}

void metrics_text_family(GString *text, const char *name, const char *type, const char *unit,
                         const char *help)
{
    g_string_append_printf(text, "# TYPE %s %s\n", name, type);
    if (unit != NULL)
        g_string_append_printf(text, "# UNIT %s %s\n", name, unit);
    g_string_append_printf(text, "# HELP %s %s\n", name, help);
}

static void append_escaped(GString *text, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"')
            g_string_append_c(text, '\\');
        if (*value == '\n')
            g_string_append(text, "\\n");
        else
            g_string_append_c(text, *value);
    }
}

static void append_label(GString *text, const char *name, const char *value)
{
    if (text->str[text->len - 1] != '{')
        g_string_append_c(text, ',');
    g_string_append_printf(text, "%s=\"", name);
    append_escaped(text, value);
    g_string_append_c(text, '"');
}

/* Up to the value. */
static void append_series(GString *text, const char *name, const char *suffix,
                          const MetricsLabel *labels, const char *le)
{
    gsize begin;

    g_string_append_printf(text, "%s%s", name, suffix);
    begin = text->len;
    g_string_append_c(text, '{');
    for (guint i = 0; labels != NULL && i < METRICS_LABELS_MAX; i++)
        if (labels[i].value != NULL)
            append_label(text, labels[i].name, labels[i].value);
    if (le != NULL)
        append_label(text, "le", le);
    if (text->len == begin + 1)
        g_string_truncate(text, begin);
    else
        g_string_append_c(text, '}');
    g_string_append_c(text, ' ');
}

void metrics_text_number(GString *text, const char *name, const char *suffix,
                         const MetricsLabel *labels, guint64 value)
{
    append_series(text, name, suffix, labels, NULL);
    g_string_append_printf(text, "%" G_GUINT64_FORMAT "\n", value);
}

static void append_seconds(GString *text, gboolean negative, guint64 us)
{
    g_string_append_printf(text, "%s%" G_GUINT64_FORMAT ".%06" G_GUINT64_FORMAT "\n",
                           negative ? "-" : "", us / USEC_PER_SECOND, us % USEC_PER_SECOND);
}

void metrics_text_seconds(GString *text, const char *name, const MetricsLabel *labels, gint64 us)
{
    append_series(text, name, "", labels, NULL);
    append_seconds(text, us < 0, us < 0 ? -(guint64)us : (guint64)us);
}

void metrics_text_histogram(GString *text, const char *name, const MetricsLabel *labels,
                            const MetricsHistogram *histogram)
{
    guint64 count = 0;

    for (guint i = 0; i <= METRICS_BUCKETS; i++) {
        count += histogram->buckets[i];
        append_series(text, name, "_bucket", labels, i < METRICS_BUCKETS ? buckets[i].le : "+Inf");
        g_string_append_printf(text, "%" G_GUINT64_FORMAT "\n", count);
    }
    metrics_text_number(text, name, "_count", labels, count);
    append_series(text, name, "_sum", labels, NULL);
    append_seconds(text, FALSE, histogram->sum_us);
}

void metrics_text_end(GString *text)
{
    g_string_append(text, "# EOF\n");
}
