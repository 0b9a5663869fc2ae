/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pidfds by name: "process-REGISTRATION-PID-STARTTIME".
 */
#include "engine/process-store.h"

#include <unistd.h>

#include "actions/process-target.h"
#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "engine/held-record.h"
#include "engine/registration-private.h"

struct ProcessStore {
    BailiffEngine *engine;
    FdStore *store;
};

static char *name_of(guint64 id, pid_t pid, guint64 start_time)
{
    return g_strdup_printf("process-%" G_GUINT64_FORMAT "-%d-%" G_GUINT64_FORMAT, id, (int)pid,
                           start_time);
}

/* The process of a registration and the name that it is kept under; NULL: it is of another kind. */
static const ProcessIdentity *process_of(BailiffRegistration *registration, char **ret_name)
{
    BailiffTarget *target = bailiff_registration_get_target(registration);
    const ProcessIdentity *process;

    if (!BAILIFF_IS_PROCESS_TARGET(target))
        return NULL;
    process = bailiff_target_get_process(target);
    *ret_name =
        name_of(bailiff_registration_get_id(registration), process->pid, process->start_time);
    return process;
}

static void on_added(BailiffEngine *engine, BailiffRegistration *registration, gpointer user_data)
{
    ProcessStore *self = user_data;
    g_autofree char *name = NULL;
    const ProcessIdentity *process = process_of(registration, &name);

    if (process != NULL)
        fd_store_keep(self->store, name, process->pidfd, FD_STORE_PROCESS);
}

static void on_removed(BailiffEngine *engine, BailiffRegistration *registration, gpointer user_data)
{
    ProcessStore *self = user_data;
    g_autofree char *name = NULL;

    if (process_of(registration, &name) != NULL)
        fd_store_drop(self->store, name);
}

ProcessStore *process_store_new(BailiffEngine *engine, FdStore *store)
{
    ProcessStore *self = g_new0(ProcessStore, 1);

    self->engine = engine;
    self->store = store;
    g_signal_connect(engine, "registration-added", G_CALLBACK(on_added), self);
    g_signal_connect(engine, "registration-removed", G_CALLBACK(on_removed), self);
    return self;
}

void process_store_free(ProcessStore *self)
{
    if (self == NULL)
        return;
    g_signal_handlers_disconnect_by_data(self->engine, self);
    g_free(self);
}

/* Takes over `pidfd`. */
static gboolean prove(ProcessIdentity *ret, int pidfd, pid_t pid, guint64 start_time,
                      GError **error)
{
    if (!process_identity_from_pidfd(ret, pidfd, error)) {
        close(pidfd);
        return FALSE;
    }
    if (ret->pid == pid && ret->start_time == start_time)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "It is not used.",
                      "It is the pidfd of process %d.", (int)ret->pid);
    process_identity_clear(ret);
    return FALSE;
}

gboolean process_store_take(FdStore *store, guint64 id, GKeyFile *record, ProcessIdentity *ret)
{
    gint64 pid = g_key_file_get_int64(record, HELD_RECORD_GROUP, "Pid", NULL);
    guint64 start_time = g_key_file_get_uint64(record, HELD_RECORD_GROUP, "StartTime", NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *name = NULL;
    int pidfd;

    if (pid <= 0 || pid > G_MAXINT32 || start_time == 0)
        return FALSE;
    name = name_of(id, (pid_t)pid, start_time);
    pidfd = fd_store_take(store, name);
    if (pidfd < 0)
        return FALSE;
    if (prove(ret, pidfd, (pid_t)pid, start_time, &error))
        return TRUE;
    fd_store_drop(store, name);
    if (!g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND)) {
        g_autofree char *reason = bailiff_error_in_one_line(error->message);

        log_line(LOG_WARNING, LOG_SUBJECT(.registration = id, .pid = (pid_t)pid),
                 "What was kept as %s is not that process, which is looked for in another way: %s",
                 name, reason);
    }
    return FALSE;
}
