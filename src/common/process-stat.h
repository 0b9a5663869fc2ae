/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What /proc/PID/stat says of a process or thread: just the fields that a tree of processes is made
 * of, and whether a process is about to end. It is a report on whoever had the number at that
 * moment; process-tree.c makes it trustworthy.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct ProcessStat {
    pid_t pid;
    pid_t parent;       /* 0: none that we can see */
    char state;         /* a letter of proc(5); of a process: its first thread's */
    guint64 flags;      /* PF_ of the kernel's; of a process: its first thread's */
    guint64 threads;    /* of the process; those that have ended but the first are not counted */
    guint64 start_time; /* clock ticks after boot */
} ProcessStat;

typedef enum ProcessStatResult {
    PROCESS_STAT_READ,
    PROCESS_STAT_GONE,
    PROCESS_STAT_UNREADABLE, /* nothing is known: it must not be taken for gone */
} ProcessStatResult;

/* The name, which a process gives itself, may hold anything: blanks, parentheses, line ends. */
gboolean process_stat_parse(ProcessStat *ret, const char *text);

/* `proc_fd`: an open /proc; `path` is relative to it ("17/stat", "17/task/18/stat"). */
ProcessStatResult process_stat_read(ProcessStat *ret, int proc_fd, const char *path);

/* TRUE when none of the threads runs; FALSE also when that cannot be seen. Whether the process had
 * that number at the time is for the caller to know. */
gboolean process_stat_threads_at_rest(int proc_fd, pid_t pid);
