/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread of one lockspace's lease I/O.
 */
#include "engine/lease-worker.h"

#include "common/bailiff-error.h"
#include "common/descriptors.h"
#include "common/urgency.h"

/* That of its loop, the queue's, its timer's, and some that other threads take meanwhile. */
#define DESCRIPTORS_OF_WORKER 8u

struct LeaseWorker {
    gatomicrefcount references;
    GMainContext *context;
    GMainLoop *loop;
    AioQueue *queue;
    MachineTurns *turns;
};

typedef struct Invocation {
    GSourceOnceFunc function;
    gpointer data;
} Invocation;

static gpointer worker_thread(gpointer data)
{
    LeaseWorker *self = data;

    urgency_take(URGENCY_USUAL);
    g_main_context_push_thread_default(self->context);
    g_main_loop_run(self->loop);
    g_main_context_pop_thread_default(self->context);

    /* The last reference is gone: nobody else knows this worker. */
    aio_queue_free(self->queue);
    machine_turns_free(self->turns);
    g_main_loop_unref(self->loop);
    g_main_context_unref(self->context);
    g_free(self);
    return NULL;
}

LeaseWorker *lease_worker_new(const char *name, unsigned depth, GError **error)
{
    LeaseWorker *self;
    GThread *thread;

    /* GLib ends the program when it cannot have a descriptor for an event loop. */
    if (descriptors_left() < DESCRIPTORS_OF_WORKER) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                          "Raise bailiffd's limit on open files (LimitNOFILE= in its unit).",
                          "No file descriptors are left for lease I/O.");
        return NULL;
    }
    self = g_new0(LeaseWorker, 1);
    g_atomic_ref_count_init(&self->references);
    self->context = g_main_context_new();
    self->loop = g_main_loop_new(self->context, FALSE);
    self->turns = machine_turns_new();
    self->queue = aio_queue_new(self->context, depth, error);
    thread = self->queue != NULL ? g_thread_try_new(name, worker_thread, self, NULL) : NULL;
    if (thread != NULL) {
        g_thread_unref(thread); /* detached: nobody may ever wait for storage by joining it */
        return self;
    }
    if (self->queue != NULL)
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                          "Raise the limit of threads for bailiffd (TasksMax, RLIMIT_NPROC).",
                          "No thread could be started for lease I/O.");
    g_clear_pointer(&self->queue, aio_queue_free);
    machine_turns_free(self->turns);
    g_main_loop_unref(self->loop);
    g_main_context_unref(self->context);
    g_free(self);
    return NULL;
}

LeaseWorker *lease_worker_ref(LeaseWorker *self)
{
    g_atomic_ref_count_inc(&self->references);
    return self;
}

static gboolean quit_loop(gpointer data)
{
    g_main_loop_quit(data);
    return G_SOURCE_REMOVE;
}

void lease_worker_unref(LeaseWorker *self)
{
    if (!g_atomic_ref_count_dec(&self->references))
        return;

    /* From inside the loop, so that quitting cannot come before running. The source keeps the loop
     * alive until it has been dispatched; `self` may be freed by the thread right after that. */
    g_autoptr(GMainContext) context = g_main_context_ref(self->context);
    /* Let go of before the context (what is declared last goes first): the last reference to a
     * source locks its context, which the thread may have freed by then if we had no reference. */
    g_autoptr(GSource) source = g_idle_source_new();

    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, quit_loop, g_main_loop_ref(self->loop),
                          (GDestroyNotify)g_main_loop_unref);
    g_source_attach(source, context);
}

static gboolean invoke_in_worker(gpointer data)
{
    Invocation *invocation = data;

    invocation->function(invocation->data);
    return G_SOURCE_REMOVE;
}

void lease_worker_invoke(LeaseWorker *self, GSourceOnceFunc function, gpointer data)
{
    g_autoptr(GSource) source = g_idle_source_new();
    Invocation *invocation = g_new(Invocation, 1);

    *invocation = (Invocation){ .function = function, .data = data };
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, invoke_in_worker, invocation, g_free);
    g_source_attach(source, self->context);
}

static void take_urgency(gpointer data)
{
    urgency_take(URGENCY_LEASES);
}

void lease_worker_hurry(LeaseWorker *self)
{
    lease_worker_invoke(self, take_urgency, NULL);
}

GMainContext *lease_worker_get_context(LeaseWorker *self)
{
    return self->context;
}

AioQueue *lease_worker_get_queue(LeaseWorker *self)
{
    return self->queue;
}

MachineTurns *lease_worker_get_turns(LeaseWorker *self)
{
    return self->turns;
}
