/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flock() on a file that names who has it.
 */
#include "engine/instance-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/bailiff-error.h"
#include "common/log-message.h"

/* include/linux/sched.h of every kernel since 2.6; field 9 of /proc/PID/stat, see proc(5). */
#define PF_EXITING 0x4u

struct InstanceLock {
    int fd;
    int next_fd; /* of the file `lock.next`; -1 */
    char *next_path;
    gboolean taken;
};

InstanceLock *instance_lock_new(const char *runtime_dir, GError **error)
{
    g_autofree char *path = g_build_filename(runtime_dir, "lock", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    InstanceLock *self;

    if (fd < 0) {
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                          "Mend the directory, or name another one with --runtime-dir.",
                          "The lock file %s cannot be opened: %s.", path, g_strerror(errno));
        return NULL;
    }
    self = g_new0(InstanceLock, 1);
    self->fd = fd;
    self->next_fd = -1;
    self->next_path = g_strconcat(path, ".next", NULL);
    return self;
}

InstanceLock *instance_lock_inherit(int fd)
{
    InstanceLock *self = g_new0(InstanceLock, 1);

    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    self->fd = fd;
    self->next_fd = -1;
    return self;
}

static void drop_next(InstanceLock *self)
{
    if (self->next_fd >= 0)
        close(self->next_fd);
    self->next_fd = -1;
}

void instance_lock_free(InstanceLock *self)
{
    drop_next(self);
    g_free(self->next_path);
    close(self->fd);
    g_free(self);
}

gboolean instance_lock_take_next(InstanceLock *self)
{
    if (self->next_fd < 0 && self->next_path != NULL)
        self->next_fd = open(self->next_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (self->next_fd >= 0 && flock(self->next_fd, LOCK_EX | LOCK_NB) != 0)
        drop_next(self);
    return self->next_fd >= 0;
}

/* For people, and for whoever comes second; the lock itself needs none of it. */
static void write_pid(InstanceLock *self)
{
    char text[24];
    int length = g_snprintf(text, sizeof text, "%d\n", (int)getpid());

    if (ftruncate(self->fd, 0) != 0 || pwrite(self->fd, text, (size_t)length, 0) != length)
        log_line(LOG_DEBUG, NULL, "Who has the lock could not be written into it: %s",
                 g_strerror(errno));
}

/* Until the process is written down the file names an earlier one, and whoever reads that takes us
 * for one that has ended. Nobody can act on it meanwhile: he would have to be next, and that is
 * taken before the lock and given up after the writing. */
gboolean instance_lock_take(InstanceLock *self)
{
    gboolean was_next = self->next_fd >= 0;

    if (self->taken)
        return TRUE;
    if (self->next_path != NULL && !instance_lock_take_next(self))
        return FALSE;
    self->taken = flock(self->fd, LOCK_EX | LOCK_NB) == 0;
    if (self->taken)
        write_pid(self);
    /* From now on somebody else may wait for our end. */
    if (self->taken || !was_next)
        drop_next(self);
    return self->taken;
}

static pid_t read_pid(const InstanceLock *self)
{
    char text[24];
    ssize_t got = pread(self->fd, text, sizeof text - 1, 0);
    guint64 pid;

    if (got <= 0)
        return 0;
    text[got] = '\0';
    g_strstrip(text);
    return g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT32, &pid, NULL) ? (pid_t)pid : 0;
}

/* A process that was killed while a thread of it waits for storage: its first thread is a zombie,
 * or is exiting itself. */
static gboolean is_ending(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;
    const char *rest;
    char state;
    unsigned flags;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return TRUE;
    /* After the name, which may hold anything. */
    rest = strrchr(text, ')');
    if (rest == NULL || sscanf(rest + 1, " %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2)
        return FALSE;
    return state == 'Z' || state == 'X' || (flags & PF_EXITING) != 0;
}

InstanceState instance_lock_look(InstanceLock *self, pid_t *ret_pid)
{
    *ret_pid = 0;
    if (instance_lock_take(self))
        return INSTANCE_NONE;
    *ret_pid = read_pid(self);
    return *ret_pid != 0 && is_ending(*ret_pid) ? INSTANCE_ENDING : INSTANCE_RUNS;
}

int instance_lock_keep(InstanceLock *self)
{
    (void)fcntl(self->fd, F_SETFD, 0);
    return self->fd;
}
