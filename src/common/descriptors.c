/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each number is asked for: a directory of /proc/self/fd makes an inode for each descriptor, which
 * is ten times as much, and the lowest free number says nothing of those above it.
 */
#include "common/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Its first lines: name, state, numbers, and FDSize behind them. */
#define STATUS_SIZE 1024

guint64 descriptors_limit(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

/* No number is as high as this; 0: that cannot be seen. The table grows to a power of two and never
 * gets smaller. */
static guint64 table_size(void)
{
    char text[STATUS_SIZE];
    const char *line;
    ssize_t n;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    line = strstr(text, "\nFDSize:");
    return line != NULL ? strtoull(line + strlen("\nFDSize:"), NULL, 10) : 0;
}

guint64 descriptors_left(void)
{
    guint64 limit = descriptors_limit();
    guint64 size = MIN(table_size(), limit);
    guint64 left = limit;

    if (size == 0)
        return 0;
    for (guint64 fd = 0; fd < size; fd++)
        if (fcntl((int)fd, F_GETFD) >= 0)
            left--;
    return left;
}

gboolean descriptors_raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return FALSE;
    if (limit.rlim_cur == limit.rlim_max)
        return TRUE;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}
