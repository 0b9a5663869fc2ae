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
#include <sys/stat.h>
#include <unistd.h>

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "common/process-identity.h"
#include "common/process-stat.h"

/* include/linux/sched.h of every kernel since 2.6. */
#define PF_EXITING 0x4u

/* Bytes of `lock.next` that are locked by who is next, and by who has the lock and leaves for that
 * one. These locks and flock() do not know of each other; and these can be looked at without taking
 * them, so that nobody is taken for the next one who only passes by. */
#define NEXT_BYTE 0
#define LEAVING_BYTE 1
/* Whoever passes by has it for some microseconds. */
#define NEXT_TRIES 100
#define NEXT_RETRY_US 1000

struct InstanceLock {
    int fd;
    int next_fd;    /* of the file `lock.next`, while it is locked; -1 */
    int leaving_fd; /* of the same file, for who has the lock and looks who is next; -1 */
    char *path;
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
    self->leaving_fd = -1;
    self->next_path = g_strconcat(path, ".next", NULL);
    self->path = g_steal_pointer(&path);
    return self;
}

static void set_kept(InstanceLock *self, gboolean kept)
{
    (void)fcntl(self->fd, F_SETFD, kept ? 0 : FD_CLOEXEC);
    if (self->next_fd >= 0)
        (void)fcntl(self->next_fd, F_SETFD, kept ? 0 : FD_CLOEXEC);
}

/* What was taken is not taken anew, so that who tries to be next meanwhile is not in the way. */
InstanceLock *instance_lock_inherit(int fd, int next_fd, const char *runtime_dir)
{
    InstanceLock *self = g_new0(InstanceLock, 1);

    self->fd = fd;
    self->next_fd = next_fd;
    self->leaving_fd = -1;
    self->path = g_build_filename(runtime_dir, "lock", NULL);
    self->next_path = next_fd >= 0 ? g_strconcat(self->path, ".next", NULL) : NULL;
    set_kept(self, FALSE);
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
    if (self->leaving_fd >= 0)
        close(self->leaving_fd);
    g_free(self->next_path);
    g_free(self->path);
    close(self->fd);
    g_free(self);
}

/* Of the open file, as flock() has it, so that it goes over an exec; `how` of fcntl(2). */
static gboolean lock_byte(int fd, short how, off_t byte)
{
    struct flock wanted = { .l_type = how, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

    return fcntl(fd, F_OFD_SETLK, &wanted) == 0;
}

/* By somebody else. What cannot be known: not. */
static gboolean is_byte_locked(int fd, off_t byte)
{
    struct flock wanted = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

    return fcntl(fd, F_OFD_GETLK, &wanted) == 0 && wanted.l_type != F_UNLCK;
}

/* For a moment, or to be the next one: that is told by the byte alone. */
static gboolean pass_by_next(InstanceLock *self)
{
    if (self->next_fd < 0 && self->next_path != NULL)
        self->next_fd = open(self->next_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (self->next_fd >= 0 && flock(self->next_fd, LOCK_EX | LOCK_NB) != 0)
        drop_next(self);
    return self->next_fd >= 0;
}

static gboolean is_somebody_next(const InstanceLock *self)
{
    int fd = self->next_path != NULL ? open(self->next_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    gboolean locked = fd < 0 || is_byte_locked(fd, NEXT_BYTE);

    if (fd >= 0)
        close(fd);
    return locked;
}

gboolean instance_lock_take_next(InstanceLock *self)
{
    gboolean is_next = pass_by_next(self);

    for (guint i = 0; !is_next && i < NEXT_TRIES && !is_somebody_next(self); i++) {
        g_usleep(NEXT_RETRY_US);
        is_next = pass_by_next(self);
    }
    if (is_next && !lock_byte(self->next_fd, F_WRLCK, NEXT_BYTE))
        drop_next(self);
    return self->next_fd >= 0;
}

/* --- leaving for the next one ---------------------------------------------------------------- */

/* Two processes, each with one byte; each locks or unlocks its own and then looks at the other's,
 * in this order, so that one of them at least sees what the other one has done:
 *
 *   who leaves                              who is next and does not want to be it any more
 *   locks LEAVING_BYTE                      unlocks NEXT_BYTE
 *   is NEXT_BYTE locked?                    is LEAVING_BYTE locked?
 *     yes: ends, whatever happens             no: whoever looks from now on finds nobody: ends
 *     no: unlocks LEAVING_BYTE, stays         yes: may have been seen: locks NEXT_BYTE, waits on
 *
 * It cannot be that the first one has seen the other one, and that one has not seen that. If both
 * have seen each other the first one ends and the second one waits for that; if it was seen too
 * late the first one stays, unlocks its byte, and the second one may ask anew. And a process that
 * ends of whatever, at whatever line, unlocks by that. */

gboolean instance_lock_has_next(InstanceLock *self)
{
    g_autofree char *path = g_strconcat(self->path, ".next", NULL);

    /* One that is next itself has nobody behind it. */
    if (self->next_fd >= 0)
        return FALSE;
    if (self->leaving_fd >= 0)
        close(self->leaving_fd);
    self->leaving_fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    return self->leaving_fd >= 0 && is_byte_locked(self->leaving_fd, NEXT_BYTE);
}

gboolean instance_lock_leave_to_next(InstanceLock *self)
{
    if (self->leaving_fd < 0)
        return FALSE;
    if (lock_byte(self->leaving_fd, F_WRLCK, LEAVING_BYTE) &&
        is_byte_locked(self->leaving_fd, NEXT_BYTE))
        return TRUE;
    close(self->leaving_fd);
    self->leaving_fd = -1;
    return FALSE;
}

gboolean instance_lock_is_next_no_more(InstanceLock *self)
{
    if (self->next_fd < 0)
        return TRUE;
    (void)lock_byte(self->next_fd, F_UNLCK, NEXT_BYTE);
    if (is_byte_locked(self->next_fd, LEAVING_BYTE)) {
        (void)lock_byte(self->next_fd, F_WRLCK, NEXT_BYTE);
        return FALSE;
    }
    drop_next(self);
    return TRUE;
}

/* --- copies ---------------------------------------------------------------------------------- */

/* Who has it, and which file that is. The lock itself is the file's, by its inode: of a copy of the
 * directory it is free, and what is written there tells all the same that somebody uses it. */
typedef struct Holder {
    char boot_id[40];
    int pid;
    guint64 start_time;
    guint64 device;
    guint64 inode;
} Holder;

static char *read_text(const InstanceLock *self)
{
    char text[256];
    ssize_t got = pread(self->fd, text, sizeof text - 1, 0);

    return g_strndup(text, got > 0 ? (gsize)got : 0);
}

static gboolean parse_holder(const char *text, Holder *ret)
{
    return sscanf(text, "%d\n%39s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT,
                  &ret->pid, ret->boot_id, &ret->start_time, &ret->device, &ret->inode) == 5 &&
           ret->pid > 0;
}

static ProcessStatResult read_stat(pid_t pid, ProcessStat *ret)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);

    return process_stat_read(ret, AT_FDCWD, path);
}

static gboolean is_zombie(const ProcessStat *stat)
{
    return stat->state == 'Z' || stat->state == 'X';
}

/* A zombie has done its last I/O when no other thread of it is left. What cannot be read says
 * nothing of that. */
static gboolean is_alive(const Holder *holder)
{
    ProcessStat stat;

    switch (read_stat(holder->pid, &stat)) {
    case PROCESS_STAT_GONE:
        return FALSE;
    case PROCESS_STAT_UNREADABLE:
        return TRUE;
    case PROCESS_STAT_READ:
        break;
    }
    return stat.start_time == holder->start_time && (!is_zombie(&stat) || stat.threads > 1);
}

/* It is a copy of the file that somebody has, who has not ended: what is written beside it is of
 * him, and he goes on writing, to storage too. */
static gboolean is_copy_in_use(const InstanceLock *self)
{
    g_autofree char *text = read_text(self);
    g_autofree char *boot_id = process_boot_id(NULL);
    struct stat facts;
    Holder holder;

    return parse_holder(text, &holder) && g_strcmp0(holder.boot_id, boot_id) == 0 &&
           holder.pid != getpid() && fstat(self->fd, &facts) == 0 &&
           (holder.device != facts.st_dev || holder.inode != facts.st_ino) && is_alive(&holder);
}

/* For whoever comes second, and for people. */
static void write_holder(const InstanceLock *self)
{
    g_autofree char *boot_id = process_boot_id(NULL);
    g_autofree char *text = NULL;
    g_auto(ProcessIdentity) own = { .pidfd = -1 };
    struct stat facts;
    gssize length;

    if (boot_id != NULL && fstat(self->fd, &facts) == 0 &&
        process_identity_from_pid(&own, getpid(), 0, NULL))
        text = g_strdup_printf(
            "%d\n%s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT "\n",
            (int)getpid(), boot_id, own.start_time, (guint64)facts.st_dev, (guint64)facts.st_ino);
    else
        text = g_strdup_printf("%d\n", (int)getpid());
    length = (gssize)strlen(text);
    if (ftruncate(self->fd, 0) != 0 || pwrite(self->fd, text, (gsize)length, 0) != length)
        log_line(LOG_WARNING, NULL,
                 "Who has the lock could not be written into it (%s): a copy of the runtime "
                 "directory would not be known as one.",
                 g_strerror(errno));
}

gboolean instance_lock_is_in_place(InstanceLock *self)
{
    struct stat own, there;

    return fstat(self->fd, &own) == 0 && lstat(self->path, &there) == 0 &&
           own.st_dev == there.st_dev && own.st_ino == there.st_ino;
}

/* --- taking it ------------------------------------------------------------------------------- */

/* Until the process is written down the file names an earlier one, and whoever reads that takes us
 * for one that has ended. Nobody can act on it meanwhile: he would have to be next, and that is
 * taken before the lock and given up after the writing. */
gboolean instance_lock_take(InstanceLock *self)
{
    gboolean was_next = self->next_fd >= 0;

    if (self->taken)
        return TRUE;
    if (self->next_path != NULL && !pass_by_next(self))
        return FALSE;
    self->taken = flock(self->fd, LOCK_EX | LOCK_NB) == 0;
    if (self->taken && is_copy_in_use(self)) {
        (void)flock(self->fd, LOCK_UN);
        self->taken = FALSE;
    }
    if (self->taken)
        write_holder(self);
    /* From now on somebody else may wait for our end. */
    if (self->taken || !was_next)
        drop_next(self);
    return self->taken;
}

static pid_t read_pid(const InstanceLock *self)
{
    g_autofree char *text = read_text(self);
    guint64 pid;

    text[strcspn(text, "\n")] = '\0';
    return g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT32, &pid, NULL) ? (pid_t)pid : 0;
}

/* A process that was killed while a thread of it waits for storage: its first thread is a zombie,
 * or is exiting itself. */
static gboolean is_ending(pid_t pid)
{
    ProcessStat stat;

    switch (read_stat(pid, &stat)) {
    case PROCESS_STAT_GONE:
        return TRUE;
    case PROCESS_STAT_UNREADABLE:
        return FALSE;
    case PROCESS_STAT_READ:
        break;
    }
    return is_zombie(&stat) || (stat.flags & PF_EXITING) != 0;
}

InstanceState instance_lock_look(InstanceLock *self, pid_t *ret_pid)
{
    *ret_pid = 0;
    if (instance_lock_take(self))
        return INSTANCE_NONE;
    *ret_pid = read_pid(self);
    return *ret_pid != 0 && is_ending(*ret_pid) ? INSTANCE_ENDING : INSTANCE_RUNS;
}

int instance_lock_keep(InstanceLock *self, int *ret_next_fd)
{
    set_kept(self, TRUE);
    *ret_next_fd = self->next_fd;
    return self->fd;
}

void instance_lock_keep_no_more(InstanceLock *self)
{
    set_kept(self, FALSE);
}
