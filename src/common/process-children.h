/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The numbers below /proc: of all processes, of the threads of one, of its children. Without any
 * allocation, so that the kill guard can use it too.
 *
 * What is listed is a report on whoever had the number at that moment. A list of children may pass
 * over one when another one, listed before it, is reaped meanwhile: the kernel finds its place
 * again by counting. So the list was whole if each child in it is seen to be a child still (be it a
 * zombie) after the whole of it was read.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "common/process-stat.h"

/* Walks through a directory whose entries are numbers. Other entries are passed over. */
typedef struct ProcessNumbers {
    int fd;
    gboolean failed; /* the walk ended before the directory did */
    guint at, filled;
    union {
        char bytes[2048];
        guint64 alignment;
    } entries;
} ProcessNumbers;

/* `path` is relative to `proc_fd`, an open /proc: "." or "17/task". FALSE with errno. */
gboolean process_numbers_open(ProcessNumbers *self, int proc_fd, const char *path);
gboolean process_numbers_next(ProcessNumbers *self, pid_t *ret);
/* FALSE when there may be more than was told. */
gboolean process_numbers_close(ProcessNumbers *self);

/* FALSE: nobody else wants to know. */
typedef gboolean (*ProcessChildFunc)(pid_t child, gpointer user_data);

/* Whether this kernel lists children (CONFIG_PROC_CHILDREN). */
gboolean process_children_are_listed(int proc_fd);

/* The children of all threads of `pid`. GONE: there is no such process (any more). UNREADABLE also
 * when `func` has had enough. */
ProcessStatResult process_children_read(int proc_fd, pid_t pid, ProcessChildFunc func,
                                        gpointer user_data);
