/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OpenMetrics text, letter by letter. Whether a whole answer is well formed is tested on the bus.
 */
#include <glib.h>

#include "engine/metrics-text.h"

static void test_numbers(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const MetricsLabel labels[METRICS_LABELS_MAX] = { { "lockspace", "a\"b\\c\nd" },
                                                      { "kind", "used" } };
    const MetricsLabel one[METRICS_LABELS_MAX] = { { "state", "held" } };

    metrics_text_family(text, "x_seconds", "gauge", "seconds", "How long.");
    metrics_text_seconds(text, "x_seconds", NULL, -1500000);
    metrics_text_seconds(text, "x_seconds", one, 42);
    metrics_text_number(text, "y", "_total", labels, G_MAXUINT64);
    metrics_text_end(text);
    g_assert_cmpstr(text->str, ==,
                    "# TYPE x_seconds gauge\n"
                    "# UNIT x_seconds seconds\n"
                    "# HELP x_seconds How long.\n"
                    "x_seconds -1.500000\n"
                    "x_seconds{state=\"held\"} 0.000042\n"
                    "y_total{lockspace=\"a\\\"b\\\\c\\nd\",kind=\"used\"} 18446744073709551615\n"
                    "# EOF\n");
}

static void test_histogram(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    MetricsHistogram histogram = { 0 };

    metrics_histogram_observe(&histogram, 0);
    metrics_histogram_observe(&histogram, 1000); /* a bound belongs to its bucket */
    metrics_histogram_observe(&histogram, 1001);
    metrics_histogram_observe(&histogram, 60000001);
    metrics_text_histogram(text, "x_seconds", NULL, &histogram);
    g_assert_true(g_str_has_prefix(text->str, "x_seconds_bucket{le=\"0.001\"} 2\n"
                                              "x_seconds_bucket{le=\"0.005\"} 3\n"));
    g_assert_true(g_str_has_suffix(text->str, "x_seconds_bucket{le=\"60.0\"} 3\n"
                                              "x_seconds_bucket{le=\"+Inf\"} 4\n"
                                              "x_seconds_count 4\n"
                                              "x_seconds_sum 60.002002\n"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/metrics-text/numbers", test_numbers);
    g_test_add_func("/metrics-text/histogram", test_histogram);
    return g_test_run();
}
