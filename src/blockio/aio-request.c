/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of one I/O's memory. Whatever the kernel may still write to or read from is owned by the
 * request alone, and a request is freed only after the kernel has ended it.
 */
#include "blockio/aio-request.h"

#include "blockio/aligned-buffer.h"
#include "common/boottime.h"

static gint total_in_flight; /* atomic */

unsigned aio_total_in_flight(void)
{
    return (unsigned)g_atomic_int_get(&total_in_flight);
}

AioRequest *aio_request_new(BlockDevice *device, guint64 offset, guint32 length, guint64 timeout_us,
                            AioCallback callback, gpointer user_data)
{
    AioRequest *self = g_new0(AioRequest, 1);
    guint64 now_us = boottime_now();

    self->state = AIO_REQUEST_PENDING;
    self->device = block_device_ref(device);
    self->offset = offset;
    self->length = length;
    self->callback = callback;
    self->user_data = user_data;
    self->deadline_us = time_add(now_us, timeout_us);
    self->start_by_us = TIME_NEVER;
    /* For a request that never starts: the earliest time that could be meant, which is the safe one
     * for everything that counts from it. */
    self->result.started_us = now_us;
    self->place.data = self;
    self->due_link.data = self;
    self->done_link.data = self;
    g_queue_init(&self->adopters);
    return self;
}

void aio_request_free(AioRequest *self)
{
    write_register_leave(&self->fence);
    aligned_buffer_give(self->buffer, self->length);
    g_clear_pointer(&self->fence.permit, write_permit_unref);
    block_device_unref(self->device);
    if (self->counted)
        (void)g_atomic_int_add(&total_in_flight, -1);
    g_free(self);
}

gboolean aio_request_prepare(AioRequest *self, int event_fd)
{
    int fd = block_device_get_fd(self->device);

    if (self->buffer == NULL)
        self->buffer = aligned_buffer_take(self->length);
    if (self->buffer == NULL)
        return FALSE;
    if (self->is_write)
        io_prep_pwrite(&self->iocb, fd, self->buffer, self->length, (long long)self->offset);
    else
        io_prep_pread(&self->iocb, fd, self->buffer, self->length, (long long)self->offset);
    io_set_eventfd(&self->iocb, event_fd);
    self->iocb.data = self;
    return TRUE;
}

void aio_request_count(AioRequest *self)
{
    if (!self->counted)
        (void)g_atomic_int_add(&total_in_flight, 1);
    self->counted = TRUE;
}

void aio_request_set_outcome(AioRequest *self, long outcome, guint64 now_us)
{
    AioResult *result = &self->result;

    result->ended_us = now_us;
    result->submitted = TRUE;
    if (outcome < 0) {
        result->status = AIO_FAILED;
        result->error_number = (int)-outcome;
    } else if ((gulong)outcome < self->length) {
        result->status = AIO_SHORT;
    } else {
        result->status = AIO_OK;
        result->data = self->is_write ? NULL : self->buffer;
    }
}
