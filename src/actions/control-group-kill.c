/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals to all processes of a control group and the groups below it.
 *
 * SIGKILL is the kernel's own work (cgroup.kill): no process that is being made escapes it, and
 * frozen ones die, too. Other signals, and SIGKILL where the kernel is too old, go to each process
 * by pidfd. cgroup.procs tells numbers only, so each number becomes a process by proof: its pidfd
 * is opened first, then the kernel is asked which group that number is in. Were it another
 * process's by then, the one that the pidfd stands for has ended, and takes no signal.
 *
 * A process may be made while the others are signalled: everything is looked through again until no
 * new one is found. That is bounded, and a group that is still growing then is told as Busy; for
 * signals the next step of a policy is the answer to that, for kills the next call.
 */
#include "actions/control-group-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/bailiff-error.h"
#include "common/process-identity.h"

#define PASSES_MAX 5u
/* The main loop has other deadlines: so much can be done in a tenth of a second. */
#define PROCESSES_MAX 4096u
#define GROUPS_MAX 1024u
#define DEPTH_MAX 64u

typedef struct Signalling {
    const char *path;
    int signal_number;
    GHashTable *signalled; /* numbers of processes */
    guint n_groups;        /* of this pass */
    guint n_new;           /* of this pass */
    GError *error;         /* the first one: it is the cause, what follows are consequences */
} Signalling;

static void keep_error(Signalling *self, GError *error)
{
    if (self->error == NULL)
        self->error = error;
    else
        g_error_free(error);
}

static gboolean has_room(Signalling *self, guint depth)
{
    if (g_hash_table_size(self->signalled) < PROCESSES_MAX && self->n_groups < GROUPS_MAX &&
        depth < DEPTH_MAX)
        return TRUE;
    keep_error(self, bailiff_error_make(BAILIFF_ERROR_UNSUPPORTED,
                                        "Use the action kill, which has no such limit.",
                                        "Control group %s has too many processes or groups to "
                                        "signal them one by one.",
                                        self->path));
    return FALSE;
}

static void signal_process(Signalling *self, pid_t pid)
{
    g_auto(ProcessIdentity) process = { .pidfd = -1 };
    GError *error = NULL;
    gboolean member = FALSE;

    if (!g_hash_table_add(self->signalled, GINT_TO_POINTER(pid)))
        return;
    if (pid <= 1 || pid == getpid()) {
        keep_error(self, bailiff_error_make(BAILIFF_ERROR_UNSUPPORTED,
                                            "Register only what the daemon can see and is not in.",
                                            "Control group %s holds a process that is not to be "
                                            "signalled.",
                                            self->path));
        return;
    }
    if (process_identity_from_pid(&process, pid, 0, &error) &&
        control_group_path_holds(self->path, pid, &member, &error)) {
        self->n_new++;
        if (!member || process_identity_signal(&process, self->signal_number, &error))
            return;
    }
    /* It ended by itself, or its number is now a thread's. */
    if (g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND) ||
        g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT))
        g_error_free(error);
    else
        keep_error(self, error);
}

static FILE *open_list(int dir_fd)
{
    int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;

    if (file == NULL && fd >= 0)
        close(fd);
    return file;
}

static void set_unreadable(Signalling *self, int saved_errno)
{
    /* ENOENT, ENODEV: removed meanwhile, so empty. EOPNOTSUPP: a threaded group, whose processes
     * stand in the list of the group above it. */
    if (saved_errno == ENOENT || saved_errno == ENODEV || saved_errno == EOPNOTSUPP)
        return;
    keep_error(self,
               bailiff_error_make(BAILIFF_ERROR_IO_ERROR, "See the daemon's limit on open files.",
                                  "The processes of control group %s cannot be listed: %s.",
                                  self->path, g_strerror(saved_errno)));
}

static void signal_processes(Signalling *self, int dir_fd, guint depth)
{
    FILE *list = open_list(dir_fd);
    int pid;

    if (list == NULL) {
        set_unreadable(self, errno);
        return;
    }
    errno = 0;
    while (fscanf(list, "%d", &pid) == 1 && has_room(self, depth)) {
        signal_process(self, pid);
        errno = 0;
    }
    if (ferror(list))
        set_unreadable(self, errno);
    fclose(list);
}

static void signal_group(Signalling *self, int dir_fd, guint depth)
{
    DIR *dir;
    struct dirent *entry;
    int list_fd;

    if (!has_room(self, depth))
        return;
    self->n_groups++;
    signal_processes(self, dir_fd, depth);
    /* A description of its own: the place in a directory belongs to that. */
    list_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    dir = list_fd >= 0 ? fdopendir(list_fd) : NULL;
    if (dir == NULL) {
        set_unreadable(self, errno);
        if (list_fd >= 0)
            close(list_fd);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        int sub_fd;

        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        sub_fd = openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub_fd < 0) {
            set_unreadable(self, errno);
            continue;
        }
        signal_group(self, sub_fd, depth + 1);
        close(sub_fd);
    }
    closedir(dir);
}

static gboolean signal_all(ControlGroup *self, int signal_number, GError **error)
{
    g_autoptr(GHashTable) signalled = g_hash_table_new(NULL, NULL);
    Signalling signalling = {
        .path = self->path,
        .signal_number = signal_number,
        .signalled = signalled,
    };

    for (guint pass = 0; pass < PASSES_MAX; pass++) {
        signalling.n_groups = 0;
        signalling.n_new = 0;
        signal_group(&signalling, self->dir_fd, 0);
        if (signalling.error != NULL) {
            g_propagate_error(error, signalling.error);
            return FALSE;
        }
        if (signalling.n_new == 0)
            return TRUE;
    }
    bailiff_set_error(error, BAILIFF_ERROR_BUSY, "It is tried again; the action kill is sure.",
                      "Processes are made in control group %s faster than they are signalled.",
                      self->path);
    return FALSE;
}

gboolean control_group_signal(ControlGroup *self, int signal_number, GError **error)
{
    if (signal_number < 1 || signal_number > 31) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Use a signal number that this system has.",
                          "%d is not the number of a signal.", signal_number);
        return FALSE;
    }
    return control_group_path_is_harmless(self->path, error) &&
           signal_all(self, signal_number, error);
}

gboolean control_group_kill(ControlGroup *self, GError **error)
{
    int saved_errno;

    if (!control_group_path_is_harmless(self->path, error))
        return FALSE;
    if (self->kill_fd < 0)
        return signal_all(self, SIGKILL, error);
    if (pwrite(self->kill_fd, "1", 1, 0) == 1)
        return TRUE;
    saved_errno = errno;
    if (saved_errno == ENODEV)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                      "Let the daemon write to control groups; end the processes by hand.",
                      "Control group %s cannot be killed: %s.", self->path,
                      g_strerror(saved_errno));
    return FALSE;
}
