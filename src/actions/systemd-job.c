/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Jobs of systemd: what StartUnit and StopUnit have begun, and its end.
 *
 * The signal that tells the end is subscribed to before the call is sent, and it may be handed to
 * us before the answer that says which job it was. So the ends of a unit's jobs are kept while a
 * call for that unit is out.
 */
#include "actions/systemd-private.h"

#include "common/bailiff-error.h"
#include "common/boottime-timer.h"

/* Belongs to `systemd->jobs` until its call is answered and its task has ended. */
typedef struct SystemdJob {
    BailiffSystemd *systemd; /* owned */
    char *method;
    char *unit;
    GTask *task;       /* NULL: ended for its caller */
    gboolean call_out; /* the call is not answered yet */
    char *path;        /* NULL before */
    BoottimeTimer *limit;
    GSource *cancelled; /* NULL: cannot be */
} SystemdJob;

static void job_free(SystemdJob *job)
{
    g_autoptr(BailiffSystemd) systemd = job->systemd;

    systemd->jobs = g_list_remove(systemd->jobs, job);
    if (systemd->jobs == NULL)
        g_hash_table_remove_all(systemd->ended_jobs);
    systemd_unuse(systemd);
    g_free(job->method);
    g_free(job->unit);
    g_free(job->path);
    g_free(job);
}

/* Ends it for its caller. `error` is taken over; NULL: `result` counts. */
static void job_finish(SystemdJob *job, const char *result, GError *error)
{
    g_autoptr(GTask) task = g_steal_pointer(&job->task);

    g_clear_pointer(&job->limit, boottime_timer_free);
    if (job->cancelled != NULL)
        g_source_destroy(job->cancelled);
    g_clear_pointer(&job->cancelled, g_source_unref);
    if (error != NULL)
        g_task_return_error(task, error);
    else
        g_task_return_pointer(task, g_strdup(result), g_free);
    if (!job->call_out)
        job_free(job);
}

static void on_limit(gpointer user_data)
{
    SystemdJob *job = user_data;

    job_finish(job, NULL,
               bailiff_error_make(BAILIFF_ERROR_IO_TIMEOUT,
                                  "See what systemd waits for (systemctl list-jobs, the journal).",
                                  job->call_out ? "systemd did not answer %s."
                                                : "systemd has not finished %s.",
                                  job->method));
}

static gboolean on_cancelled(GCancellable *cancellable, gpointer user_data)
{
    GError *error = NULL;

    g_cancellable_set_error_if_cancelled(cancellable, &error);
    job_finish(user_data, NULL, error);
    return G_SOURCE_REMOVE;
}

static void on_called(GObject *source, GAsyncResult *result, gpointer user_data)
{
    SystemdJob *job = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = systemd_call_finish(result, &error);
    const char *ended;

    job->call_out = FALSE;
    if (job->task == NULL) {
        job_free(job);
        return;
    }
    if (reply == NULL) {
        job_finish(job, NULL, g_steal_pointer(&error));
        return;
    }
    g_variant_get(reply, "(o)", &job->path);
    ended = g_hash_table_lookup(job->systemd->ended_jobs, job->path);
    if (ended != NULL)
        job_finish(job, ended, NULL);
}

/* The first whose caller waits for the job at `path`; NULL: for whatever. */
static SystemdJob *find_waiting(BailiffSystemd *self, const char *path)
{
    for (GList *l = self->jobs; l != NULL; l = l->next) {
        SystemdJob *job = l->data;

        if (job->task != NULL && (path == NULL || g_strcmp0(job->path, path) == 0))
            return job;
    }
    return NULL;
}

static gboolean has_call_out(BailiffSystemd *self, const char *unit)
{
    for (GList *l = self->jobs; l != NULL; l = l->next) {
        const SystemdJob *job = l->data;

        if (job->call_out && g_strcmp0(job->unit, unit) == 0)
            return TRUE;
    }
    return FALSE;
}

/* Callers are called back from inside, and may begin or end others: nothing is known of the list
 * after that. */
void systemd_job_ended(BailiffSystemd *self, const char *path, const char *unit, const char *result)
{
    g_autoptr(BailiffSystemd) keep = g_object_ref(self);
    SystemdJob *job;

    if (has_call_out(self, unit))
        g_hash_table_replace(self->ended_jobs, g_strdup(path), g_strdup(result));
    while ((job = find_waiting(self, path)) != NULL)
        job_finish(job, result, NULL);
}

void systemd_jobs_lost(BailiffSystemd *self)
{
    g_autoptr(BailiffSystemd) keep = g_object_ref(self);
    SystemdJob *job;

    while ((job = find_waiting(self, NULL)) != NULL)
        job_finish(job, NULL, systemd_make_absent());
}

void systemd_run_job_async(BailiffSystemd *systemd, const char *method, const char *unit,
                           guint64 until_us, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data)
{
    SystemdJob *job = g_new0(SystemdJob, 1);

    job->systemd = g_object_ref(systemd);
    job->method = g_strdup(method);
    job->unit = g_strdup(unit);
    job->task = g_task_new(systemd, cancellable, callback, user_data);
    g_task_set_source_tag(job->task, systemd_run_job_async);
    job->limit = boottime_timer_new(on_limit, job);
    boottime_timer_set(job->limit, until_us);
    if (cancellable != NULL) {
        job->cancelled = g_cancellable_source_new(cancellable);
        g_source_set_callback(job->cancelled, G_SOURCE_FUNC(on_cancelled), job, NULL);
        g_source_attach(job->cancelled, NULL);
    }
    systemd->jobs = g_list_prepend(systemd->jobs, job);
    systemd_use(systemd);
    job->call_out = TRUE;
    /* Not cancelled with its caller: the end of a job that nobody waits for must still be told
     * apart from that of one that somebody does. */
    systemd_call_async(systemd, method, g_variant_new("(ss)", unit, "replace"),
                       G_VARIANT_TYPE("(o)"), until_us, NULL, on_called, job);
}

char *systemd_run_job_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}

const char *systemd_job_word(const char *result)
{
    static const char *const words[] = { "done",       "canceled", "timeout",    "failed",
                                         "dependency", "skipped",  "invalid",    "assert",
                                         "collected",  "once",     "unsupported" };

    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (g_strcmp0(result, words[i]) == 0)
            return words[i];
    return "unknown";
}
