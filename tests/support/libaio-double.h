/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libaio's io_submit and io_getevents for a test program, which its own definitions displace: the
 * real system calls, with a gate in front. While the gate is shut what is submitted counts as
 * handed to the kernel and does not move, as on hung storage; no special storage and no rights are
 * needed. Beside that they count, and watch that no two writes into the same 4 KiB are ever out
 * together.
 *
 * Include it once, in the file with main().
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <libaio.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DOUBLE_MAX 4096u
#define DOUBLE_FENCE_BYTES 4096

typedef struct DoubleRequest {
    io_context_t context;
    struct iocb *block;
    int event_fd; /* the kernel keeps the eventfd of what it has, also when its owner closes it */
} DoubleRequest;

static struct {
    pthread_mutex_t lock;
    gboolean shut;
    long fail_next;       /* 0, or the negative errno of the next call */
    unsigned sleep_above; /* io_submit sleeps when this many are out */
    unsigned calls;       /* of io_submit */
    unsigned submitted;   /* requests */
    unsigned most_out;
    unsigned overlaps;
    DoubleRequest held[DOUBLE_MAX]; /* behind the gate */
    unsigned held_length;
    struct iocb *out[DOUBLE_MAX]; /* handed over and not returned by io_getevents; held ones too */
    unsigned out_length;
} aio_double = { .lock = PTHREAD_MUTEX_INITIALIZER, .sleep_above = DOUBLE_MAX };

static gboolean double_same_fence(const struct iocb *a, const struct iocb *b)
{
    return a->aio_lio_opcode == IO_CMD_PWRITE && b->aio_lio_opcode == IO_CMD_PWRITE &&
           a->aio_fildes == b->aio_fildes &&
           a->u.c.offset / DOUBLE_FENCE_BYTES == b->u.c.offset / DOUBLE_FENCE_BYTES;
}

/* A sleep that is over before the thread has given its processor up is none to the kernel's count.
 */
static void double_sleep(void)
{
    struct rusage before, now;

    getrusage(RUSAGE_THREAD, &before);
    do {
        nanosleep(&(struct timespec){ .tv_nsec = 1000 * 1000 }, NULL);
        getrusage(RUSAGE_THREAD, &now);
    } while (now.ru_nvcsw == before.ru_nvcsw);
}

static void double_note_out(struct iocb *block)
{
    for (unsigned i = 0; i < aio_double.out_length; i++)
        if (double_same_fence(aio_double.out[i], block))
            aio_double.overlaps++;
    g_assert_cmpuint(aio_double.out_length, <, DOUBLE_MAX);
    aio_double.out[aio_double.out_length++] = block;
    aio_double.most_out = MAX(aio_double.most_out, aio_double.out_length);
    aio_double.submitted++;
}

static void double_note_back(const struct iocb *block)
{
    for (unsigned i = 0; i < aio_double.out_length; i++) {
        if (aio_double.out[i] == block) {
            aio_double.out[i] = aio_double.out[--aio_double.out_length];
            return;
        }
    }
}

static void double_hold(io_context_t context, struct iocb *block)
{
    int event_fd = fcntl((int)block->u.c.resfd, F_DUPFD_CLOEXEC, 0);

    g_assert_cmpint(event_fd, >=, 0);
    aio_double.held[aio_double.held_length++] = (DoubleRequest){ context, block, event_fd };
}

/* To the kernel, by the eventfd that was kept. */
static void double_let_through(const DoubleRequest *request)
{
    struct iocb *block = request->block;

    block->u.c.resfd = (unsigned)request->event_fd;
    g_assert_cmpint(syscall(SYS_io_submit, request->context, 1, &block), ==, 1);
    close(request->event_fd);
}

int io_submit(io_context_t context, long n, struct iocb **blocks)
{
    long taken = n;
    gboolean shut;
    gboolean sleeps;

    pthread_mutex_lock(&aio_double.lock);
    aio_double.calls++;
    if (aio_double.fail_next != 0) {
        taken = aio_double.fail_next;
        aio_double.fail_next = 0;
        pthread_mutex_unlock(&aio_double.lock);
        return (int)taken;
    }
    shut = aio_double.shut;
    for (long i = 0; i < n; i++) {
        double_note_out(blocks[i]);
        if (shut)
            double_hold(context, blocks[i]);
    }
    sleeps = aio_double.out_length > aio_double.sleep_above;
    pthread_mutex_unlock(&aio_double.lock);

    if (sleeps)
        double_sleep();
    if (shut)
        return (int)n;
    taken = syscall(SYS_io_submit, context, n, blocks);
    if (taken < 0)
        taken = -errno;
    /* What the kernel did not take is not out. */
    pthread_mutex_lock(&aio_double.lock);
    for (long i = MAX(taken, 0); i < n; i++)
        double_note_back(blocks[i]);
    pthread_mutex_unlock(&aio_double.lock);
    return (int)taken;
}

int io_getevents(io_context_t context, long min_n, long n, struct io_event *events,
                 struct timespec *timeout)
{
    long taken = syscall(SYS_io_getevents, context, min_n, n, events, timeout);

    if (taken < 0)
        return -errno;
    pthread_mutex_lock(&aio_double.lock);
    for (long i = 0; i < taken; i++)
        double_note_back(events[i].obj);
    pthread_mutex_unlock(&aio_double.lock);
    return (int)taken;
}

static inline void double_shut(void)
{
    pthread_mutex_lock(&aio_double.lock);
    aio_double.shut = TRUE;
    pthread_mutex_unlock(&aio_double.lock);
}

/* Lets the oldest `n` through, and leaves the gate as it is. */
static inline void double_release(unsigned n)
{
    pthread_mutex_lock(&aio_double.lock);
    n = MIN(n, aio_double.held_length);
    for (unsigned i = 0; i < n; i++)
        double_let_through(&aio_double.held[i]);
    aio_double.held_length -= n;
    for (unsigned i = 0; i < aio_double.held_length; i++)
        aio_double.held[i] = aio_double.held[i + n];
    pthread_mutex_unlock(&aio_double.lock);
}

static inline void double_open(void)
{
    pthread_mutex_lock(&aio_double.lock);
    aio_double.shut = FALSE;
    pthread_mutex_unlock(&aio_double.lock);
    double_release(DOUBLE_MAX);
}

static inline unsigned double_count_held(void)
{
    unsigned n;

    pthread_mutex_lock(&aio_double.lock);
    n = aio_double.held_length;
    pthread_mutex_unlock(&aio_double.lock);
    return n;
}

/* For a test that begins with nothing out. */
static inline void double_reset(void)
{
    g_assert_cmpuint(aio_double.out_length, ==, 0);
    aio_double.shut = FALSE;
    aio_double.fail_next = 0;
    aio_double.sleep_above = DOUBLE_MAX;
    aio_double.calls = 0;
    aio_double.submitted = 0;
    aio_double.most_out = 0;
    aio_double.overlaps = 0;
}

/* Lets the oldest through and returns when the kernel has ended it: its eventfd is readable then.
 */
static inline void double_release_one_and_wait(void)
{
    struct pollfd fd = { .fd = fcntl(aio_double.held[0].event_fd, F_DUPFD_CLOEXEC, 0),
                         .events = POLLIN };

    double_release(1);
    while (poll(&fd, 1, -1) < 0)
        g_assert_cmpint(errno, ==, EINTR);
    close(fd.fd);
}
