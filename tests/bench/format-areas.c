/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-format-areas FILE lockspaces PREFIX COUNT OFFSET IO-TIMEOUT
 * bench-format-areas FILE resources LOCKSPACE COUNT OFFSET [sparse]
 *
 * Writes fresh areas of 1 MiB one behind the other, lockspaces PREFIX0, PREFIX1, ... or resources
 * r0, r1, ...: thousands of them in a second, and the same bytes for whoever is measured on them.
 * `sparse` writes only the first sectors of each resource; the rest of a new file reads as zeroes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fixed-name.h"
#include "ondisk/area-image.h"
#include "ondisk/layout.h"

#define SPARSE_LENGTH 16384u

static uint8_t area[MEBIBYTE];

static int usage(void)
{
    fprintf(stderr, "usage: bench-format-areas FILE lockspaces PREFIX COUNT OFFSET IO-TIMEOUT\n"
                    "       bench-format-areas FILE resources LOCKSPACE COUNT OFFSET [sparse]\n");
    return 2;
}

/* A sparse last area is whole too; what lies behind stays. */
static int grow(int fd, off_t size)
{
    return lseek(fd, 0, SEEK_END) < size ? ftruncate(fd, size) : 0;
}

int main(int argc, char **argv)
{
    char name[FIXED_NAME_SIZE];
    Layout layout;

    if (argc < 6 || layout_from_sizes(&layout, SECTOR_SIZE_MIN, MEBIBYTE) != RECORD_OK)
        return usage();
    bool lockspaces = strcmp(argv[2], "lockspaces") == 0;
    if (lockspaces && argc != 7)
        return usage();
    long count = atol(argv[4]);
    off_t offset = (off_t)strtoll(argv[5], NULL, 10);
    size_t length = !lockspaces && argc == 7 ? SPARSE_LENGTH : sizeof area;
    int fd = open(argv[1], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    for (long i = 0; i < count && fd >= 0; i++, offset += MEBIBYTE) {
        snprintf(name, sizeof name, "%s%ld", lockspaces ? argv[3] : "r", i);
        if (lockspaces)
            lockspace_area_fill(area, &layout, name, (uint32_t)atoi(argv[6]));
        else
            resource_area_fill(area, &layout, argv[3], name, 0);
        if (pwrite(fd, area, length, offset) != (ssize_t)length)
            break;
        if (i + 1 == count && grow(fd, offset + MEBIBYTE) == 0 && fdatasync(fd) == 0)
            return 0;
    }
    fprintf(stderr, "bench-format-areas: %s: %s\n", argv[1], strerror(errno));
    return 1;
}
