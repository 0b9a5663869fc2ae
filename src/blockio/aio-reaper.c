/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One thread for each context that is given up, and a count of them.
 */
#include "blockio/aio-reaper.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/checked-time.h"

#define EVENTS_AT_A_TIME 64

typedef struct AioReaper {
    io_context_t context;
    GQueue in_flight;
} AioReaper;

static pthread_mutex_t count_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t count_changed = PTHREAD_COND_INITIALIZER;
static unsigned count;

static void count_add(int change)
{
    pthread_mutex_lock(&count_lock);
    count += (unsigned)change;
    pthread_cond_broadcast(&count_changed);
    pthread_mutex_unlock(&count_lock);
}

static gpointer reap(gpointer data)
{
    AioReaper *self = data;
    struct io_event events[EVENTS_AT_A_TIME];

    while (self->in_flight.length > 0) {
        int n = io_getevents(self->context, 1, EVENTS_AT_A_TIME, events, NULL);

        /* Any other error means that the context is none; then there is no end to be seen, and the
         * buffers and fences stay for good, which is the safe outcome. */
        if (n < 0 && n != -EINTR)
            break;
        for (int i = 0; i < n; i++) {
            AioRequest *request = events[i].data;

            g_queue_unlink(&self->in_flight, &request->place);
            aio_request_free(request);
        }
    }
    io_destroy(self->context);
    g_free(self);
    count_add(-1);
    return NULL;
}

void aio_reaper_start(io_context_t context, GQueue *in_flight)
{
    AioReaper *self = g_new0(AioReaper, 1);
    GThread *thread;

    self->context = context;
    self->in_flight = *in_flight;
    g_queue_init(in_flight);

    count_add(1);
    thread = g_thread_try_new("aio-reaper", reap, self, NULL);
    /* Without a thread the context is left as it is: nothing here may block, and fences that stay
     * closed are safe. It still counts as at work. */
    if (thread != NULL)
        g_thread_unref(thread);
}

gboolean aio_reaper_wait(guint64 timeout_us)
{
    struct timespec until = { 0, 0 };
    gboolean idle;
    int error_number = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_us / USEC_PER_SECOND);
    until.tv_nsec += (long)(timeout_us % USEC_PER_SECOND) * 1000;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }

    pthread_mutex_lock(&count_lock);
    while (count > 0 && error_number == 0)
        error_number = pthread_cond_clockwait(&count_changed, &count_lock, CLOCK_MONOTONIC, &until);
    idle = count == 0;
    pthread_mutex_unlock(&count_lock);
    return idle;
}
