/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The queue of requests, and their threads.
 */
#include "engine/record-store.h"

#include "common/bailiff-error.h"

/* So many may wait. A person waits for each of them. */
#define REQUESTS_MAX 64u

typedef enum RequestKind {
    REQUEST_LOAD,
    REQUEST_WRITE,
    REQUEST_REMOVE,
} RequestKind;

typedef struct Request {
    RequestKind kind;
    char *directory;
    LockspaceSettings *settings;
    char *name;
} Request;

struct RecordStore {
    char *directory;
    GQueue waiting; /* of GTask */
    gboolean running;
    gboolean freed;
    grefcount references;
};

static void request_free(gpointer data)
{
    Request *self = data;

    g_free(self->directory);
    lockspace_settings_free(self->settings);
    g_free(self->name);
    g_free(self);
}

static void store_unref(RecordStore *self)
{
    if (!g_ref_count_dec(&self->references))
        return;
    g_queue_clear_full(&self->waiting, g_object_unref);
    g_free(self->directory);
    g_free(self);
}

RecordStore *record_store_new(const char *directory)
{
    RecordStore *self = g_new0(RecordStore, 1);

    self->directory = g_strdup(directory);
    g_queue_init(&self->waiting);
    g_ref_count_init(&self->references);
    return self;
}

void record_store_free(RecordStore *self)
{
    if (self == NULL)
        return;
    self->freed = TRUE;
    store_unref(self);
}

const char *record_store_get_directory(const RecordStore *self)
{
    return self->directory;
}

/* --- in a thread ----------------------------------------------------------------------------- */

static void do_request(const Request *self, GTask *task)
{
    GError *error = NULL;
    GPtrArray *files;

    switch (self->kind) {
    case REQUEST_LOAD:
        files = record_directory_load(self->directory, &error);
        if (files != NULL)
            g_task_return_pointer(task, files, (GDestroyNotify)g_ptr_array_unref);
        break;
    case REQUEST_WRITE:
        if (record_directory_write(self->directory, self->settings, &error))
            g_task_return_boolean(task, TRUE);
        break;
    case REQUEST_REMOVE:
        if (record_directory_remove(self->directory, self->name, &error))
            g_task_return_boolean(task, TRUE);
        break;
    }
    if (error != NULL)
        g_task_return_error(task, error);
}

static gpointer request_thread(gpointer data)
{
    g_autoptr(GTask) inner = data;

    do_request(g_task_get_task_data(inner), inner);
    return NULL;
}

/* --- in the main loop ------------------------------------------------------------------------ */

static void start_next(RecordStore *self);

/* Hands the result of the thread's task on to the task of whoever asked. */
static void pass_on(GTask *inner, GTask *outer)
{
    const Request *request = g_task_get_task_data(inner);
    GError *error = NULL;

    if (request->kind == REQUEST_LOAD) {
        GPtrArray *files = g_task_propagate_pointer(inner, &error);

        if (files != NULL)
            g_task_return_pointer(outer, files, (GDestroyNotify)g_ptr_array_unref);
    } else if (g_task_propagate_boolean(inner, &error)) {
        g_task_return_boolean(outer, TRUE);
    }
    if (error != NULL)
        g_task_return_error(outer, error);
}

typedef struct Running {
    RecordStore *store;
    GTask *outer;
} Running;

static void on_thread_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Running *running = user_data;
    RecordStore *self = running->store;
    g_autoptr(GTask) outer = running->outer;

    g_free(running);
    self->running = FALSE;
    if (!self->freed) {
        pass_on(G_TASK(result), outer);
        start_next(self);
    }
    store_unref(self);
}

static void start_next(RecordStore *self)
{
    GTask *outer = self->running ? NULL : g_queue_pop_head(&self->waiting);
    g_autoptr(GTask) inner = NULL;
    Running *running;
    GThread *thread;

    if (outer == NULL)
        return;
    running = g_new0(Running, 1);
    running->store = self;
    running->outer = outer;
    g_ref_count_inc(&self->references);
    self->running = TRUE;
    inner = g_task_new(NULL, NULL, on_thread_done, running);
    g_task_set_task_data(inner, g_object_steal_data(G_OBJECT(outer), "request"), request_free);
    thread = g_thread_try_new("bailiff-records", request_thread, g_object_ref(inner), NULL);
    if (thread != NULL) {
        g_thread_unref(thread); /* detached: nobody may ever wait for a disk by joining it */
        return;
    }
    g_object_unref(inner); /* the thread's */
    g_task_return_error(inner,
                        bailiff_error_make(BAILIFF_ERROR_BUSY,
                                           "Raise the limit of threads for bailiffd (TasksMax).",
                                           "No thread could be started for %s.", self->directory));
}

/* Takes over `request`. */
static void send(RecordStore *self, Request *request, GAsyncReadyCallback callback,
                 gpointer user_data)
{
    g_autoptr(GTask) outer = g_task_new(NULL, NULL, callback, user_data);

    request->directory = g_strdup(self->directory);
    g_object_set_data_full(G_OBJECT(outer), "request", request, request_free);
    if (g_queue_get_length(&self->waiting) >= REQUESTS_MAX) {
        g_task_return_error(
            outer, bailiff_error_make(
                       BAILIFF_ERROR_BUSY, "Check the disk that it lies on; then try again.",
                       "%s does not answer, and others wait for it already.", self->directory));
        return;
    }
    g_queue_push_tail(&self->waiting, g_steal_pointer(&outer));
    start_next(self);
}

void record_store_load_async(RecordStore *self, GAsyncReadyCallback callback, gpointer user_data)
{
    Request *request = g_new0(Request, 1);

    request->kind = REQUEST_LOAD;
    send(self, request, callback, user_data);
}

GPtrArray *record_store_load_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}

void record_store_write_async(RecordStore *self, const LockspaceSettings *settings,
                              GAsyncReadyCallback callback, gpointer user_data)
{
    Request *request = g_new0(Request, 1);

    request->kind = REQUEST_WRITE;
    request->settings = lockspace_settings_copy(settings);
    send(self, request, callback, user_data);
}

void record_store_remove_async(RecordStore *self, const char *name, GAsyncReadyCallback callback,
                               gpointer user_data)
{
    Request *request = g_new0(Request, 1);

    request->kind = REQUEST_REMOVE;
    request->name = g_strdup(name);
    send(self, request, callback, user_data);
}

gboolean record_store_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
