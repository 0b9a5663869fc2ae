/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the two load programs, bench-bailiff-load and bench-sanlock-load, are asked to do: the same
 * words for both, so that both do the same.
 *
 *   cycle  each holder acquires and releases, again and again
 *   hold   each holder acquires once; then it waits to be signalled, until standard input ends
 *   join   `count` lockspaces, all at once
 *   leave  the same
 *   objects  (bailiff only) ask for all objects of the daemon, `rounds` times
 *
 * Areas of 1 MiB: resource r<i> lies at offset + i MiB, lockspace <lockspace><i> too.
 */
#pragma once

#include <glib.h>

typedef struct LoadOptions {
    char *mode;
    char *lockspace; /* cycle, hold: its name; join, leave: what the names begin with */
    char *path;
    gint64 offset; /* bytes: of r0, or of the first lockspace */
    int first;     /* index of the first resource in use */
    int holders;
    int at_once;      /* hold: so many acquire at a time; 0: all */
    int per_call;     /* resources in one call */
    int sets;         /* sets of `per_call` resources that a holder goes through by turns */
    int rounds;       /* end after so many turns through the sets; 0: by the clock */
    double warm_up_s; /* not measured, before `seconds` */
    double seconds;
    gboolean wait; /* for whoever has the resource, instead of failing */
    int count;
    int host_id;
    int io_timeout; /* seconds */
    gboolean trees; /* hold (bailiff only): each process has two below it, which are killed, too */
    char *program;  /* hold: what is run for each holder when its lease is lost; NULL: a signal */
} LoadOptions;

/* Exits with status 2 and a line of reason when the arguments are wrong. */
void load_options_parse(LoadOptions *options, int argc, char **argv);

/* The resource of `holder` (0..) that is `position`th (0..per_call-1) in its `set`th set. */
unsigned load_resource_index(const LoadOptions *options, unsigned holder, unsigned set,
                             unsigned position);
guint64 load_area_offset(const LoadOptions *options, unsigned index);

/* Microseconds of CLOCK_BOOTTIME, the clock of all deadlines. */
guint64 load_now_us(void);
