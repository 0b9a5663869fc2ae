/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Arguments of the load programs.
 */
#include "bench/load-options.h"

#include <stdlib.h>
#include <time.h>

#define AREA_SIZE (G_GUINT64_CONSTANT(1) << 20)

static void check(gboolean good, const char *what)
{
    if (good)
        return;
    g_printerr("%s: %s\n", g_get_prgname(), what);
    exit(2);
}

void load_options_parse(LoadOptions *options, int argc, char **argv)
{
    *options = (LoadOptions){ .holders = 1,
                              .per_call = 1,
                              .sets = 1,
                              .count = 1,
                              .host_id = 1,
                              .io_timeout = 10,
                              .seconds = 1 };
    const GOptionEntry entries[] = {
        { "lockspace", 0, 0, G_OPTION_ARG_STRING, &options->lockspace, NULL, NULL },
        { "path", 0, 0, G_OPTION_ARG_FILENAME, &options->path, NULL, NULL },
        { "offset", 0, 0, G_OPTION_ARG_INT64, &options->offset, NULL, NULL },
        { "first", 0, 0, G_OPTION_ARG_INT, &options->first, NULL, NULL },
        { "holders", 0, 0, G_OPTION_ARG_INT, &options->holders, NULL, NULL },
        { "at-once", 0, 0, G_OPTION_ARG_INT, &options->at_once, NULL, NULL },
        { "per-call", 0, 0, G_OPTION_ARG_INT, &options->per_call, NULL, NULL },
        { "sets", 0, 0, G_OPTION_ARG_INT, &options->sets, NULL, NULL },
        { "rounds", 0, 0, G_OPTION_ARG_INT, &options->rounds, NULL, NULL },
        { "warm-up", 0, 0, G_OPTION_ARG_DOUBLE, &options->warm_up_s, NULL, NULL },
        { "seconds", 0, 0, G_OPTION_ARG_DOUBLE, &options->seconds, NULL, NULL },
        { "wait", 0, 0, G_OPTION_ARG_NONE, &options->wait, NULL, NULL },
        { "count", 0, 0, G_OPTION_ARG_INT, &options->count, NULL, NULL },
        { "host-id", 0, 0, G_OPTION_ARG_INT, &options->host_id, NULL, NULL },
        { "io-timeout", 0, 0, G_OPTION_ARG_INT, &options->io_timeout, NULL, NULL },
        { "trees", 0, 0, G_OPTION_ARG_NONE, &options->trees, NULL, NULL },
        { "program", 0, 0, G_OPTION_ARG_FILENAME, &options->program, NULL, NULL },
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new("MODE");
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    check(g_option_context_parse(context, &argc, &argv, &error), error ? error->message : "");
    check(argc == 2, "one mode");
    options->mode = g_strdup(argv[1]);
    if (g_str_equal(options->mode, "objects"))
        return;
    check(options->lockspace != NULL, "--lockspace is missing");
    check(options->path != NULL || g_str_equal(options->mode, "leave"), "--path is missing");
    check(options->holders > 0 && options->per_call > 0 && options->sets > 0 &&
              options->count > 0 && options->first >= 0 && options->rounds >= 0,
          "a number is too small");
}

unsigned load_resource_index(const LoadOptions *options, unsigned holder, unsigned set,
                             unsigned position)
{
    return (unsigned)options->first +
           (holder * (unsigned)options->sets + set) * (unsigned)options->per_call + position;
}

guint64 load_area_offset(const LoadOptions *options, unsigned index)
{
    return (guint64)options->offset + index * AREA_SIZE;
}

guint64 load_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (guint64)now.tv_sec * G_USEC_PER_SEC + (guint64)now.tv_nsec / 1000u;
}
