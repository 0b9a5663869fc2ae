/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The OpenMetrics text format, version 1.0.0, as far as bailiffd's metrics need it.
 *
 * Numbers are whole, or microseconds printed as seconds: never by printf's decimal point, which a
 * locale can turn into a comma.
 */
#pragma once

#include <glib.h>

typedef struct MetricsLabel {
    const char *name;
    const char *value; /* escaped here; NULL: there is no such label */
} MetricsLabel;

#define METRICS_LABELS_MAX 2u

/* Where durations are counted, an upper bound each, and how they are printed. */
#define METRICS_BUCKETS 12u

typedef struct MetricsHistogram {
    guint64 buckets[METRICS_BUCKETS + 1]; /* the last one: longer than all bounds */
    guint64 sum_us;
} MetricsHistogram;

void metrics_histogram_observe(MetricsHistogram *self, guint64 duration_us);

/* Begins a family. `type`: "gauge", "counter", "histogram"; `unit`: "seconds", or NULL; then the
 * name ends with it. */
void metrics_text_family(GString *text, const char *name, const char *type, const char *unit,
                         const char *help);

/* One sample; `suffix`: "", or "_total" of a counter. `labels`: METRICS_LABELS_MAX, or NULL. */
void metrics_text_number(GString *text, const char *name, const char *suffix,
                         const MetricsLabel *labels, guint64 value);
/* A gauge in seconds. */
void metrics_text_seconds(GString *text, const char *name, const MetricsLabel *labels, gint64 us);
void metrics_text_histogram(GString *text, const char *name, const MetricsLabel *labels,
                            const MetricsHistogram *histogram);
/* Nothing may follow. */
void metrics_text_end(GString *text);
