/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Directories are read by the system call itself, since opendir() allocates.
 */
#include "common/process-children.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What getdents64(2) fills in. */
typedef struct DirectoryEntry {
    guint64 inode;
    gint64 offset;
    guint16 length;
    guint8 type;
    char name[];
} DirectoryEntry;

static gboolean parse_pid(const char *text, pid_t *ret)
{
    guint64 number = 0;

    if (*text == '\0')
        return FALSE;
    for (; *text != '\0'; text++) {
        if (!g_ascii_isdigit(*text))
            return FALSE;
        number = number * 10 + (guint64)(*text - '0');
        if (number > G_MAXINT32)
            return FALSE;
    }
    *ret = (pid_t)number;
    return number > 0;
}

gboolean process_numbers_open(ProcessNumbers *self, int proc_fd, const char *path)
{
    self->failed = FALSE;
    self->at = self->filled = 0;
    self->fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return self->fd >= 0;
}

gboolean process_numbers_next(ProcessNumbers *self, pid_t *ret)
{
    for (;;) {
        const DirectoryEntry *entry;

        if (self->at >= self->filled) {
            long n =
                syscall(SYS_getdents64, self->fd, self->entries.bytes, sizeof self->entries.bytes);

            if (n <= 0) {
                /* ENOENT: its process has ended, and it is empty. */
                self->failed |= n < 0 && errno != ENOENT;
                return FALSE;
            }
            self->at = 0;
            self->filled = (guint)n;
        }
        entry = (const DirectoryEntry *)(self->entries.bytes + self->at);
        self->at += entry->length;
        if (parse_pid(entry->name, ret))
            return TRUE;
    }
}

gboolean process_numbers_close(ProcessNumbers *self)
{
    close(self->fd);
    self->fd = -1;
    return !self->failed;
}

gboolean process_children_are_listed(int proc_fd)
{
    int fd = openat(proc_fd, "thread-self/children", O_RDONLY | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* "812 813 1024 ": a number may be cut by the end of a read and go on in the next. */
static ProcessStatResult read_list(int fd, ProcessChildFunc func, gpointer user_data)
{
    char text[1024];
    guint64 number = 0;

    for (;;) {
        ssize_t n = read(fd, text, sizeof text);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ESRCH ? PROCESS_STAT_GONE : PROCESS_STAT_UNREADABLE;
        for (ssize_t i = 0; i < n; i++) {
            if (g_ascii_isdigit(text[i])) {
                number = number * 10 + (guint64)(text[i] - '0');
                if (number > G_MAXINT32)
                    return PROCESS_STAT_UNREADABLE;
            } else if (number > 0) {
                if (!func((pid_t)number, user_data))
                    return PROCESS_STAT_UNREADABLE;
                number = 0;
            }
        }
        if (n == 0)
            break;
    }
    if (number > 0 && !func((pid_t)number, user_data))
        return PROCESS_STAT_UNREADABLE;
    return PROCESS_STAT_READ;
}

ProcessStatResult process_children_read(int proc_fd, pid_t pid, ProcessChildFunc func,
                                        gpointer user_data)
{
    ProcessStatResult result = PROCESS_STAT_READ;
    ProcessNumbers threads;
    char path[64];
    pid_t tid;

    g_snprintf(path, sizeof path, "%d/task", (int)pid);
    if (!process_numbers_open(&threads, proc_fd, path))
        return errno == ENOENT || errno == ESRCH ? PROCESS_STAT_GONE : PROCESS_STAT_UNREADABLE;
    while (result != PROCESS_STAT_UNREADABLE && process_numbers_next(&threads, &tid)) {
        int fd;

        g_snprintf(path, sizeof path, "%d/task/%d/children", (int)pid, (int)tid);
        fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0) {
            result = read_list(fd, func, user_data);
            close(fd);
        } else if (errno != ENOENT && errno != ESRCH) {
            result = PROCESS_STAT_UNREADABLE;
        }
    }
    if (!process_numbers_close(&threads) && result == PROCESS_STAT_READ)
        result = PROCESS_STAT_UNREADABLE;
    /* A thread that has gone took no children with it: they are another thread's by now. */
    return result == PROCESS_STAT_GONE ? PROCESS_STAT_READ : result;
}
