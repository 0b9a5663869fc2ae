/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An I/O queue on a plain file, with a gate in front of the kernel that plays hung storage (see
 * libaio-double.h; test-aio-queue-hang.c has the real thing). Nothing here waits for time but where
 * a deadline is the subject, and then only lower bounds are asserted. Include it once, in the file
 * with main().
 */
#pragma once

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "blockio/aio-queue.h"
#include "blockio/aio-reaper.h"
#include "blockio/aligned-buffer.h"
#include "common/boottime.h"
#include "support/libaio-double.h"

#define FILE_BYTES (1u << 20)
#define LONG_US (600 * USEC_PER_SECOND) /* a test never gets there */
#define SHORT_US (30 * 1000)

typedef struct Answer {
    unsigned calls;
    AioResult result;
    guint8 data[8192];
    gboolean in_call; /* the request is being made */
} Answer;

typedef struct Fixture {
    char *directory;
    char *path;
    BlockDevice *device;
    AioQueue *queue;
} Fixture;

static inline BlockDevice *open_file(const char *path)
{
    g_autoptr(GError) error = NULL;
    BlockDevice *device;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, FILE_BYTES), ==, 0);
    close(fd);
    device = block_device_open(path, FALSE, &error);
    g_assert_no_error(error);
    return device;
}

static inline void set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    double_reset();
    fixture->directory = g_strdup("/var/tmp/bailiff-blockio-XXXXXX");
    g_assert_nonnull(g_mkdtemp(fixture->directory));
    fixture->path = g_build_filename(fixture->directory, "disk", NULL);
    fixture->device = open_file(fixture->path);
    fixture->queue = aio_queue_new(NULL, 64, &error);
    g_assert_no_error(error);
}

/* Whatever a test left out must come to its end, and everything be given back. */
static inline void tear_down(Fixture *fixture, gconstpointer data)
{
    double_open();
    g_clear_pointer(&fixture->queue, aio_queue_free);
    g_assert_true(aio_reaper_wait(LONG_US));
    g_assert_cmpuint(aio_total_in_flight(), ==, 0);
    g_assert_cmpuint(aligned_buffer_get_taken(), ==, 0);
    g_assert_false(aio_write_in_flight(fixture->device, 0, G_MAXUINT64));
    g_assert_cmpuint(aio_double.overlaps, ==, 0);
    block_device_unref(fixture->device);
    g_remove(fixture->path);
    g_rmdir(fixture->directory);
    g_free(fixture->path);
    g_free(fixture->directory);
}

static inline void on_answer(const AioResult *result, gpointer user_data)
{
    Answer *answer = user_data;

    g_assert_false(answer->in_call);
    answer->calls++;
    answer->result = *result;
    answer->result.data = NULL;
    if (result->data != NULL)
        memcpy(answer->data, result->data, 512);
}

static inline void request_read(AioQueue *queue, BlockDevice *device, guint64 offset,
                                guint64 timeout_us, gboolean adopt_overdue, Answer *answer)
{
    AioRead read = { .device = device,
                     .offset = offset,
                     .length = 512,
                     .timeout_us = timeout_us,
                     .adopt_overdue = adopt_overdue };

    answer->in_call = TRUE;
    aio_queue_read(queue, &read, on_answer, answer);
    answer->in_call = FALSE;
}

/* One sector of `letter`, with a fence around its 4 KiB. */
static inline AioWrite write_of(BlockDevice *device, guint64 offset, char letter,
                                guint64 timeout_us)
{
    static guint8 sector[512];

    memset(sector, letter, sizeof(sector));
    return (AioWrite){ .device = device,
                       .offset = offset,
                       .length = sizeof(sector),
                       .data = sector,
                       .timeout_us = timeout_us,
                       .start_by_us = TIME_NEVER,
                       .fence_offset = offset / 4096 * 4096,
                       .fence_length = 4096 };
}

static inline void request_write(AioQueue *queue, const AioWrite *write, Answer *answer)
{
    guint8 copy[512];
    AioWrite with_copy = *write;

    memcpy(copy, write->data, sizeof(copy));
    with_copy.data = copy;
    answer->in_call = TRUE;
    aio_queue_write(queue, &with_copy, on_answer, answer);
    answer->in_call = FALSE;
    memset(copy, '?', sizeof(copy)); /* the caller's buffer is its own again */
}

static inline void wait_for(const Answer *answer)
{
    while (answer->calls == 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(answer->calls, ==, 1);
}

static inline void run_idle(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        continue;
}

static inline char letter_on_disk(const Fixture *fixture, guint64 offset)
{
    char letter = 0;
    int fd = open(fixture->path, O_RDONLY | O_CLOEXEC);

    g_assert_cmpint(pread(fd, &letter, 1, (off_t)offset), ==, 1);
    close(fd);
    return letter;
}
