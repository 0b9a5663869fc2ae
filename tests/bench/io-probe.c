/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-io-probe FILE IN-FLIGHT LENGTH SECONDS
 *
 * Direct reads of LENGTH bytes, IN-FLIGHT of them at all times, spread over the file: what the
 * storage gives without any daemon, and whether it really answers so many at the same time. Prints
 * {"per_second": ..., "p50_us": ...}.
 */
#include <fcntl.h>
#include <libaio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define IN_FLIGHT_MAX 1024
#define SAMPLES_MAX 1000000

typedef struct Probe {
    int fd;
    long length;
    long long places;
    unsigned long long reads;
    struct iocb blocks[IN_FLIGHT_MAX];
    double started_us[IN_FLIGHT_MAX];
    double samples_us[SAMPLES_MAX];
    size_t n_samples;
} Probe;

static Probe probe;

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int start(io_context_t context, int slot, void *buffer)
{
    struct iocb *block = &probe.blocks[slot];
    /* A stride of areas: as leases lie. */
    long long place = (long long)(probe.reads++ * 257u % (unsigned long long)probe.places);

    io_prep_pread(block, probe.fd, buffer, (size_t)probe.length, place * probe.length);
    block->data = (void *)(intptr_t)slot;
    probe.started_us[slot] = now_us();
    return io_submit(context, 1, &block) == 1 ? 0 : -1;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int run(int in_flight, double seconds)
{
    io_context_t context = NULL;
    struct io_event events[IN_FLIGHT_MAX];
    char *buffers;
    double begin, end;

    if (io_setup(in_flight, &context) < 0 ||
        posix_memalign((void **)&buffers, 4096, (size_t)in_flight * (size_t)probe.length) != 0)
        return -1;
    begin = now_us();
    for (int i = 0; i < in_flight; i++)
        if (start(context, i, buffers + i * probe.length) < 0)
            return -1;
    do {
        int n = io_getevents(context, 1, in_flight, events, NULL);
        for (int i = 0; i < n; i++) {
            int slot = (int)(intptr_t)events[i].data;
            if ((long)events[i].res != probe.length)
                return -1;
            if (probe.n_samples < SAMPLES_MAX)
                probe.samples_us[probe.n_samples++] = now_us() - probe.started_us[slot];
            if (start(context, slot, buffers + slot * probe.length) < 0)
                return -1;
        }
        end = now_us();
    } while (end < begin + seconds * 1e6);
    qsort(probe.samples_us, probe.n_samples, sizeof probe.samples_us[0], by_size);
    printf("{\"per_second\": %.1f, \"p50_us\": %.1f}\n",
           (double)probe.n_samples / (end - begin) * 1e6, probe.samples_us[probe.n_samples / 2]);
    return 0;
}

int main(int argc, char **argv)
{
    struct stat stat;

    if (argc != 5 || atoi(argv[2]) < 1 || atoi(argv[2]) > IN_FLIGHT_MAX || atol(argv[3]) < 512) {
        fprintf(stderr, "usage: bench-io-probe FILE IN-FLIGHT LENGTH SECONDS\n");
        return 2;
    }
    probe.fd = open(argv[1], O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (probe.fd < 0 || fstat(probe.fd, &stat) < 0) {
        perror(argv[1]);
        return 1;
    }
    probe.length = atol(argv[3]);
    probe.places = stat.st_size / probe.length;
    if (probe.places < 1 || run(atoi(argv[2]), atof(argv[4])) < 0) {
        perror("bench-io-probe");
        return 1;
    }
    return 0;
}
