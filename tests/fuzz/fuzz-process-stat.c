/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /proc/PID/stat. The kernel writes the numbers, but the name in the middle is the process's own:
 * whatever it is, it must not make another process of it. So the input is taken twice: as the whole
 * line, and as the name in a line that is good apart from it.
 */
#include <string.h>

#include "common/process-stat.h"
#include "fuzz.h"

static void take_line(const char *line)
{
    ProcessStat stat, again;
    ProcessStat untouched;

    memset(&untouched, 0xC3, sizeof untouched);
    stat = untouched;
    if (!process_stat_parse(&stat, line)) {
        g_assert_cmpmem(&stat, sizeof stat, &untouched, sizeof untouched);
        return;
    }
    g_assert_cmpint(stat.pid, >=, 1);
    g_assert_cmpint(stat.parent, >=, 0);
    g_assert_true(g_ascii_isalpha(stat.state));
    g_autofree char *normal = g_strdup_printf(
        "%d (x) %c %d 3 4 5 6 %" G_GUINT64_FORMAT " 8 9 10 11 12 13 14 15 16 17 "
        "%" G_GUINT64_FORMAT " 19 %" G_GUINT64_FORMAT " 21 22\n",
        (int)stat.pid, stat.state, (int)stat.parent, stat.flags, stat.threads, stat.start_time);
    g_assert_true(process_stat_parse(&again, normal));
    g_assert_cmpint(again.pid, ==, stat.pid);
    g_assert_cmpint(again.parent, ==, stat.parent);
    g_assert_cmpint(again.state, ==, stat.state);
    g_assert_cmpuint(again.flags, ==, stat.flags);
    g_assert_cmpuint(again.threads, ==, stat.threads);
    g_assert_cmpuint(again.start_time, ==, stat.start_time);
}

static void take_name(const char *name)
{
    g_autofree char *line = g_strdup_printf(
        "4711 (%s) S 815 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 271828 21 22\n", name);
    ProcessStat stat;

    g_assert_true(process_stat_parse(&stat, line));
    g_assert_cmpint(stat.pid, ==, 4711);
    g_assert_cmpint(stat.parent, ==, 815);
    g_assert_cmpint(stat.state, ==, 'S');
    g_assert_cmpuint(stat.start_time, ==, 271828);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = fuzz_text(data, size);
    take_line(text);
    take_name(text);
    return 0;
}
