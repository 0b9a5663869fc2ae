/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store's side in the main loop: what is to be written, and its thread. What the thread does is
 * in incident-directory.c.
 */
#include "engine/incident-store.h"

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "engine/incident-directory.h"

/* From a change to its write: what happens together is written together. */
#define GATHER_MS 250u
/* In memory a write takes no longer than its text: a step is some microseconds of it. */
#define STEPS_PER_GATHER_MS 32u
/* Storage that has not answered by then hangs, for all who care. */
#define HANG_SECONDS 10u
#define RETRY_SECONDS 60u
#define LAST_WRITES_US G_TIME_SPAN_SECOND

typedef enum JobKind {
    JOB_LOAD,
    JOB_WRITE,
    JOB_REMOVE,
    JOB_FLUSH,
    JOB_QUIT,
} JobKind;

/* One request, on its way to the thread and back. */
typedef struct Job {
    JobKind kind;
    struct Shared *shared;
    IncidentRecord *record; /* write: what; remove: only its number counts */
    GPtrArray *found;       /* load */
    guint64 highest;
    GError *error;
} Job;

/* What the thread may use: it can outlive the store. */
typedef struct Shared {
    gatomicrefcount references;
    char *directory;
    guint max;
    gboolean is_volatile;
    GAsyncQueue *jobs;
    IncidentStore *store; /* the main loop's; NULL once freed */
    GMutex mutex;
    GCond ended_cond;
    /* Under the mutex. */
    gboolean ended;  /* the thread has done everything */
    guint n_flushed; /* how many JOB_FLUSH it has come to */
} Shared;

struct IncidentStore {
    Shared *shared;
    IncidentStoreLoaded loaded;
    gpointer user_data;
    GHashTable *changed;      /* set of BailiffIncident to be written */
    GHashTable *removed;      /* set of BailiffIncident whose file is to go */
    BailiffIncident *writing; /* is being written; NULL: none */
    gboolean started;         /* there is a thread */
    gboolean busy;            /* with one request */
    gboolean complained;
    guint gather_timer;
    guint hang_timer;
};

static void send_next(IncidentStore *self);

static void shared_unref(Shared *self)
{
    if (!g_atomic_ref_count_dec(&self->references))
        return;
    g_async_queue_unref(self->jobs);
    g_mutex_clear(&self->mutex);
    g_cond_clear(&self->ended_cond);
    g_free(self->directory);
    g_free(self);
}

static void job_free(gpointer data)
{
    Job *self = data;

    shared_unref(self->shared);
    incident_record_free(self->record);
    g_clear_pointer(&self->found, g_ptr_array_unref);
    g_clear_error(&self->error);
    g_free(self);
}

/* --- in the thread --------------------------------------------------------------------------- */

static gboolean on_job_done(gpointer data);

static void do_job(Job *job)
{
    const char *directory = job->shared->directory;

    if (job->kind == JOB_LOAD)
        job->found =
            incident_directory_load(directory, job->shared->max, &job->highest, &job->error);
    else if (job->kind == JOB_WRITE)
        incident_directory_write(directory, job->record, !job->shared->is_volatile, &job->error);
    else
        incident_directory_remove(directory, job->record->number, &job->error);
}

/* Not by g_main_context_invoke(): before the main loop runs that would call it in this thread. */
static void answer(Job *job)
{
    g_autoptr(GSource) source = g_idle_source_new();

    g_source_set_priority(source, job->shared->is_volatile ? G_PRIORITY_DEFAULT : G_PRIORITY_LOW);
    g_source_set_callback(source, on_job_done, job, job_free);
    g_source_attach(source, NULL);
}

static void tell_flushed(Job *job)
{
    g_mutex_lock(&job->shared->mutex);
    job->shared->n_flushed++;
    g_cond_signal(&job->shared->ended_cond);
    g_mutex_unlock(&job->shared->mutex);
    job_free(job);
}

static gpointer store_thread(gpointer data)
{
    Shared *shared = data;
    Job *job;

    while ((job = g_async_queue_pop(shared->jobs))->kind != JOB_QUIT) {
        if (job->kind == JOB_FLUSH) {
            tell_flushed(job);
            continue;
        }
        do_job(job);
        answer(job);
    }
    job_free(job);
    g_mutex_lock(&shared->mutex);
    shared->ended = TRUE;
    g_cond_signal(&shared->ended_cond);
    g_mutex_unlock(&shared->mutex);
    shared_unref(shared);
    return NULL;
}

/* --- in the main loop ------------------------------------------------------------------------ */

static void complain(IncidentStore *self, const char *text)
{
    if (!self->complained)
        log_message(MESSAGE_INCIDENTS_NOT_WRITTEN, NULL, "%s", text);
    self->complained = TRUE;
}

static gboolean on_hang(gpointer data)
{
    IncidentStore *self = data;

    g_autofree char *text =
        g_strdup_printf("%s does not answer: incidents are kept in memory only meanwhile.\nCheck "
                        "the disk that it lies on, or name another one with --state-dir.",
                        self->shared->directory);

    self->hang_timer = 0;
    complain(self, text);
    return G_SOURCE_REMOVE;
}

static gboolean on_gathered(gpointer data)
{
    IncidentStore *self = data;

    self->gather_timer = 0;
    send_next(self);
    return G_SOURCE_REMOVE;
}

static void gather(IncidentStore *self, guint ms)
{
    if (self->gather_timer == 0 && !self->busy && self->started)
        self->gather_timer =
            g_timeout_add_full(self->shared->is_volatile ? G_PRIORITY_DEFAULT : G_PRIORITY_LOW, ms,
                               on_gathered, self, NULL);
}

/* How long to wait for more before the next write. */
static guint gather_ms(const IncidentStore *self, BailiffIncident *incident)
{
    return self->shared->is_volatile
               ? bailiff_incident_get_record(incident)->steps->len / STEPS_PER_GATHER_MS
               : GATHER_MS;
}

static Job *job_new(IncidentStore *self, JobKind kind)
{
    Job *job = g_new0(Job, 1);

    job->kind = kind;
    job->shared = self->shared;
    g_atomic_ref_count_inc(&self->shared->references);
    return job;
}

static void send(IncidentStore *self, Job *job)
{
    self->busy = TRUE;
    if (self->hang_timer == 0)
        self->hang_timer = g_timeout_add_seconds(HANG_SECONDS, on_hang, self);
    g_async_queue_push(self->shared->jobs, job);
}

/* The next thing to do, as a job; NULL: nothing. */
static Job *take_job(IncidentStore *self)
{
    gboolean writes = g_hash_table_size(self->changed) > 0;
    GHashTableIter iter;
    gpointer incident;
    Job *job;

    g_clear_object(&self->writing);
    g_hash_table_iter_init(&iter, writes ? self->changed : self->removed);
    if (!g_hash_table_iter_next(&iter, &incident, NULL))
        return NULL;
    job = job_new(self, writes ? JOB_WRITE : JOB_REMOVE);
    job->record = incident_record_copy(bailiff_incident_get_record(incident));
    if (writes)
        self->writing = g_object_ref(incident);
    g_hash_table_iter_remove(&iter);
    return job;
}

static void send_next(IncidentStore *self)
{
    Job *job = self->busy || !self->started ? NULL : take_job(self);

    if (job != NULL)
        send(self, job);
}

/* The next write may have as much to do as that one. */
static guint gather_after_ms(const IncidentStore *self, const Job *job)
{
    if (!self->shared->is_volatile)
        return GATHER_MS;
    return job->record != NULL ? job->record->steps->len / STEPS_PER_GATHER_MS : 0;
}

static gboolean on_job_done(gpointer data)
{
    Job *job = data;
    IncidentStore *self = job->shared->store;

    if (self == NULL)
        return G_SOURCE_REMOVE;
    g_clear_handle_id(&self->hang_timer, g_source_remove);
    if (job->error != NULL) {
        complain(self, job->error->message);
    } else if (self->complained) {
        self->complained = FALSE;
        log_message(MESSAGE_INCIDENTS_WRITTEN_AGAIN, NULL, "Incidents are written to %s again.",
                    self->shared->directory);
    }
    if (job->kind == JOB_LOAD)
        self->loaded(g_steal_pointer(&job->found), job->error == NULL ? job->highest : G_MAXUINT64,
                     self->user_data);
    if (job->error != NULL && self->writing != NULL)
        incident_store_put(self, self->writing);
    g_clear_object(&self->writing);
    self->busy = FALSE;
    if (g_hash_table_size(self->changed) + g_hash_table_size(self->removed) > 0)
        gather(self, job->error != NULL ? RETRY_SECONDS * 1000 : gather_after_ms(self, job));
    return G_SOURCE_REMOVE;
}

static IncidentStore *make(const char *directory, guint max, gboolean is_volatile)
{
    IncidentStore *self = g_new0(IncidentStore, 1);
    Shared *shared = g_new0(Shared, 1);
    GThread *thread;

    g_atomic_ref_count_init(&shared->references);
    shared->directory = g_strdup(directory);
    shared->max = max;
    shared->is_volatile = is_volatile;
    shared->jobs = g_async_queue_new_full(job_free);
    shared->store = self;
    g_mutex_init(&shared->mutex);
    g_cond_init(&shared->ended_cond);
    self->shared = shared;
    self->changed = g_hash_table_new_full(NULL, NULL, g_object_unref, NULL);
    self->removed = g_hash_table_new_full(NULL, NULL, g_object_unref, NULL);

    g_atomic_ref_count_inc(&shared->references);
    thread = g_thread_try_new("bailiff-store", store_thread, shared, NULL);
    self->started = thread != NULL;
    if (self->started) {
        g_thread_unref(thread); /* detached: nobody may ever wait for a disk by joining it */
    } else {
        shared_unref(shared);
        complain(self, "No thread could be started for the state directory: incidents are kept in "
                       "memory only.\nRaise the limit of threads for bailiffd (TasksMax).");
    }
    return self;
}

IncidentStore *incident_store_new(const char *directory, guint max, IncidentStoreLoaded loaded,
                                  gpointer user_data)
{
    IncidentStore *self = make(directory, max, FALSE);

    self->loaded = loaded;
    self->user_data = user_data;
    if (self->started)
        send(self, job_new(self, JOB_LOAD));
    return self;
}

IncidentStore *incident_store_new_volatile(const char *directory)
{
    return make(directory, 0, TRUE);
}

void incident_store_flush(IncidentStore *self, guint64 limit_us)
{
    gint64 until = g_get_monotonic_time() + (gint64)limit_us;
    guint target;
    Job *job;

    if (!self->started || self->complained)
        return;
    g_clear_handle_id(&self->gather_timer, g_source_remove);
    while ((job = take_job(self)) != NULL)
        send(self, job);
    g_mutex_lock(&self->shared->mutex);
    target = self->shared->n_flushed + 1;
    g_async_queue_push(self->shared->jobs, job_new(self, JOB_FLUSH));
    while (self->shared->n_flushed < target &&
           g_cond_wait_until(&self->shared->ended_cond, &self->shared->mutex, until))
        ;
    g_mutex_unlock(&self->shared->mutex);
}

/* The end of the last incident is often the end of the daemon: a disk that works has it within
 * milliseconds. */
static void write_the_rest(IncidentStore *self)
{
    gint64 until = g_get_monotonic_time() + LAST_WRITES_US;
    Job *job;

    /* What hangs already will not be served within a second, and would be held in memory. */
    while (!self->complained && (job = take_job(self)) != NULL)
        g_async_queue_push(self->shared->jobs, job);
    g_async_queue_push(self->shared->jobs, job_new(self, JOB_QUIT));
    g_mutex_lock(&self->shared->mutex);
    while (!self->shared->ended &&
           g_cond_wait_until(&self->shared->ended_cond, &self->shared->mutex, until))
        ;
    g_mutex_unlock(&self->shared->mutex);
}

void incident_store_free(IncidentStore *self)
{
    if (self == NULL)
        return;
    g_clear_handle_id(&self->gather_timer, g_source_remove);
    g_clear_handle_id(&self->hang_timer, g_source_remove);
    if (self->started)
        write_the_rest(self);
    self->shared->store = NULL;
    shared_unref(self->shared);
    g_hash_table_unref(self->changed);
    g_hash_table_unref(self->removed);
    g_clear_object(&self->writing);
    g_free(self);
}

void incident_store_put(IncidentStore *self, BailiffIncident *incident)
{
    if (g_hash_table_contains(self->changed, incident) ||
        g_hash_table_contains(self->removed, incident))
        return;
    g_hash_table_add(self->changed, g_object_ref(incident));
    gather(self, gather_ms(self, incident));
}

void incident_store_remove(IncidentStore *self, BailiffIncident *incident)
{
    g_hash_table_remove(self->changed, incident);
    if (!g_hash_table_contains(self->removed, incident))
        g_hash_table_add(self->removed, g_object_ref(incident));
    gather(self, gather_ms(self, incident));
}
