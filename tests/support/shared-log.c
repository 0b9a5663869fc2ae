/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shared-log DEVICE HOST: writes to storage that several hosts share, ten times a second, for ever.
 *
 * A record is a sector of text: the host, a number that begins with 1 in each process, the version
 * of the lease under which it was written, and CLOCK_BOOTTIME in microseconds. A writer goes on
 * where the last one has ended, as a file system's journal does: so whoever writes beside another
 * one leaves a gap in that one's numbers. Past the page cache, so that what was written is on the
 * disk. Only SIGKILL ends it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define SECTOR 512
#define SECTORS_AT_ONCE 128
#define PAUSE_NS 100000000L

static char sectors[SECTORS_AT_ONCE][SECTOR] __attribute__((aligned(4096)));

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* Of the first sector without a record. */
static off_t find_end(int fd)
{
    for (off_t at = 0;; at += (off_t)sizeof sectors) {
        ssize_t got = pread(fd, sectors, sizeof sectors, at);

        if (got < (ssize_t)sizeof sectors)
            fail("the log is full, or cannot be read");
        for (off_t i = 0; i < SECTORS_AT_ONCE; i++)
            if (sectors[i][0] == '\0')
                return at + i * SECTOR;
    }
}

static int64_t boottime_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
    const struct timespec pause = { 0, PAUSE_NS };
    const char *version = getenv("BAILIFF_VERSION");
    int fd = argc == 3 ? open(argv[1], O_RDWR | O_DIRECT | O_CLOEXEC) : -1;
    off_t at;

    if (fd < 0)
        fail("usage: shared-log DEVICE HOST");
    signal(SIGTERM, SIG_IGN);
    at = find_end(fd);
    for (unsigned number = 1;; number++, at += SECTOR) {
        memset(sectors, 0, sizeof sectors);
        snprintf(sectors[0], SECTOR, "%s %u %s %lld\n", argv[2], number, version ? version : "-",
                 (long long)boottime_us());
        if (pwrite(fd, sectors, SECTOR, at) != SECTOR)
            fail("the log cannot be written");
        (void)nanosleep(&pause, NULL);
    }
}
