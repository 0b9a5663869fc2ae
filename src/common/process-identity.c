/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes by pidfd.
 *
 * Facts about a process are in /proc under its number, and a number is reused once its process was
 * reaped. The order here makes them true all the same: ask the pidfd for the number, read the
 * facts, then see that the pidfd is not readable. A process that has not ended by then has had its
 * number all the time.
 *
 * A descriptor that came from a client may be anything. It is first proven to be a pidfd by what
 * the kernel says in /proc/self/fdinfo; only then is it polled, since polling a file of a FUSE
 * server can block for as long as that server likes.
 */
#include "common/process-identity.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/bailiff-error.h"

#define CURE_ENDED "Start it again and register the new process."
#define CURE_PIDFD "Pass a descriptor from pidfd_open() of the process to be registered."

/* Fields of /proc/PID/stat after the closing parenthesis of the name: state is field 3. */
#define STAT_FIELD_AFTER_NAME 3
#define STAT_FIELD_START_TIME 22

static gboolean parse_number(const char *text, guint64 *ret)
{
    char *end = NULL;

    if (!g_ascii_isdigit(text[0]))
        return FALSE;
    errno = 0;
    *ret = g_ascii_strtoull(text, &end, 10);
    return errno == 0 && (*end == '\0' || g_ascii_isspace(*end));
}

/* The rest of the line "KEY:<blanks>…" in `text`; NULL when there is none. */
static const char *find_line(const char *text, const char *key)
{
    gsize length = strlen(key);

    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        if (*line == '\n')
            line++;
        if (strncmp(line, key, length) == 0 && line[length] == ':') {
            line += length + 1;
            return line + strspn(line, " \t");
        }
    }
    return NULL;
}

static gboolean pidfd_is_readable(int pidfd)
{
    struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };
    int n;

    do
        n = poll(&poll_fd, 1, 0);
    while (n < 0 && errno == EINTR);
    return n == 1 && (poll_fd.revents & POLLIN) != 0;
}

static void set_ended(GError **error)
{
    bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, CURE_ENDED, "The process has ended.");
}

/* The number of the process, after it was proven that `pidfd` is a pidfd of a whole process in our
 * pid namespace. */
static gboolean read_pid_of_pidfd(int pidfd, pid_t *ret, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fdinfo/%d", pidfd);
    g_autofree char *text = NULL;
    const char *value = NULL;
    guint64 number;

    if (pidfd >= 0 && g_file_get_contents(path, &text, NULL, NULL))
        value = find_line(text, "Pid");
    if (value == NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, CURE_PIDFD,
                          "File descriptor %d is not a pidfd.", pidfd);
        return FALSE;
    }
    if (g_str_has_prefix(value, "-1")) {
        set_ended(error);
        return FALSE;
    }
    if (!parse_number(value, &number) || number == 0 || number > G_MAXINT32) {
        bailiff_set_error(
            error, BAILIFF_ERROR_INVALID_ARGUMENT,
            "Register it from a process in the daemon's pid namespace or in one below.",
            "The pidfd belongs to a process outside the daemon's pid namespace.");
        return FALSE;
    }
    /* O_EXCL is PIDFD_THREAD: such a pidfd becomes readable when one thread ends, and the others
     * would go on with the leases. */
    if ((fcntl(pidfd, F_GETFL) & O_EXCL) != 0) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, CURE_PIDFD,
                          "The pidfd belongs to a single thread, not to a process.");
        return FALSE;
    }
    *ret = (pid_t)number;
    return TRUE;
}

/* The name goes into logs and onto the bus, and a process names itself as it likes. */
static void take_comm(char ret[16 + 1], const char *start, const char *end)
{
    gsize length = MIN((gsize)(end - start), (gsize)16);
    const char *rest;

    memcpy(ret, start, length);
    ret[length] = '\0';
    for (gsize i = 0; i < length; i++)
        if (g_ascii_iscntrl(ret[i]) || ret[i] == '\0')
            ret[i] = '?';
    while (!g_utf8_validate(ret, -1, &rest))
        ret[rest - ret] = '?';
}

/* "PID (NAME) STATE …": the name may hold blanks, line ends and parentheses, so the fields count
 * from the last closing one. */
static gboolean parse_stat(const char *text, ProcessIdentity *ret)
{
    const char *open = strchr(text, '(');
    const char *close = strrchr(text, ')');
    const char *field;

    if (open == NULL || close == NULL || close < open || close[1] != ' ')
        return FALSE;
    take_comm(ret->comm, open + 1, close);

    field = close + 2;
    for (int i = STAT_FIELD_AFTER_NAME; i < STAT_FIELD_START_TIME; i++) {
        field = strchr(field, ' ');
        if (field == NULL)
            return FALSE;
        field++;
    }
    return parse_number(field, &ret->start_time);
}

/* "Uid:" real, effective, saved, file system. */
static gboolean parse_users(const char *status, ProcessIdentity *ret)
{
    const char *value = find_line(status, "Uid");
    guint64 users[4];

    if (value == NULL)
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(users); i++) {
        if (!parse_number(value, &users[i]) || users[i] > G_MAXUINT32)
            return FALSE;
        value += strcspn(value, " \t\n");
        value += strspn(value, " \t");
    }
    ret->uid = (uid_t)users[1];
    ret->one_user = users[0] == users[1] && users[2] == users[1] && users[3] == users[1];
    return TRUE;
}

static gboolean read_facts(pid_t pid, ProcessIdentity *ret)
{
    g_autofree char *stat_path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *status_path = g_strdup_printf("/proc/%d/status", (int)pid);
    g_autofree char *stat = NULL;
    g_autofree char *status = NULL;

    return g_file_get_contents(stat_path, &stat, NULL, NULL) &&
           g_file_get_contents(status_path, &status, NULL, NULL) && parse_stat(stat, ret) &&
           parse_users(status, ret);
}

gboolean process_identity_from_pidfd(ProcessIdentity *ret, int pidfd, GError **error)
{
    ProcessIdentity found = { .pidfd = -1 };
    gboolean known;
    int flags;

    ret->pidfd = -1;
    if (!read_pid_of_pidfd(pidfd, &found.pid, error))
        return FALSE;
    known = read_facts(found.pid, &found);
    if (pidfd_is_readable(pidfd)) {
        set_ended(error);
        return FALSE;
    }
    if (!known) {
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                          "Let the daemon see all processes in /proc (mount option hidepid).",
                          "What the kernel says of process %d cannot be read.", (int)found.pid);
        return FALSE;
    }

    flags = fcntl(pidfd, F_GETFD);
    if (flags >= 0)
        (void)fcntl(pidfd, F_SETFD, flags | FD_CLOEXEC);
    found.pidfd = pidfd;
    *ret = found;
    return TRUE;
}

static int open_pidfd(pid_t pid, GError **error)
{
    int pidfd;
    int saved_errno;

    if (pid <= 0) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Pass the number of the process to be registered.",
                          "%d is not the number of a process.", (int)pid);
        return -1;
    }
    /* The kernel sets close-on-exec by itself. */
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd >= 0)
        return pidfd;

    saved_errno = errno;
    if (saved_errno == ESRCH)
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, CURE_ENDED, "There is no process %d.",
                          (int)pid);
    else if (saved_errno == EINVAL || saved_errno == ENOENT)
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Pass the number of the process, which is that of its first thread.",
                          "%d is the number of a thread, not of a process.", (int)pid);
    else
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                          "See the system's limits on open files, and that the kernel has pidfds.",
                          "Process %d cannot be opened: %s.", (int)pid, g_strerror(saved_errno));
    return -1;
}

gboolean process_identity_from_pid(ProcessIdentity *ret, pid_t pid, guint64 expected_start_time,
                                   GError **error)
{
    int pidfd;

    ret->pidfd = -1;
    pidfd = open_pidfd(pid, error);
    if (pidfd < 0)
        return FALSE;
    if (!process_identity_from_pidfd(ret, pidfd, error)) {
        close(pidfd);
        return FALSE;
    }
    if (expected_start_time != 0 && ret->start_time != expected_start_time) {
        process_identity_clear(ret);
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, CURE_ENDED,
                          "The process has ended; its number %d is now another one's.", (int)pid);
        return FALSE;
    }
    return TRUE;
}

void process_identity_clear(ProcessIdentity *self)
{
    if (self->pidfd >= 0)
        close(self->pidfd);
    *self = (ProcessIdentity){ .pidfd = -1 };
}

gboolean process_identity_has_ended(const ProcessIdentity *self)
{
    return pidfd_is_readable(self->pidfd);
}

gboolean process_identity_signal(const ProcessIdentity *self, int signal_number, GError **error)
{
    int saved_errno;

    if (syscall(SYS_pidfd_send_signal, self->pidfd, signal_number, NULL, 0) == 0)
        return TRUE;

    saved_errno = errno;
    if (saved_errno == ESRCH)
        set_ended(error);
    else if (saved_errno == EPERM)
        bailiff_set_error(error, BAILIFF_ERROR_NOT_AUTHORIZED,
                          "Give the daemon the capability CAP_KILL.",
                          "The daemon may not signal process %d.", (int)self->pid);
    else
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Use a signal number that this system has.",
                          "Signal %d cannot be sent to process %d: %s.", signal_number,
                          (int)self->pid, g_strerror(saved_errno));
    return FALSE;
}

char *process_boot_id(GError **error)
{
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    static char *known; /* it does not change, and is asked for with every renewal */
    g_autofree char *text = g_strdup(g_atomic_pointer_get(&known));
    char *kept;

    if (text != NULL)
        return g_steal_pointer(&text);
    if (g_file_get_contents(path, &text, NULL, NULL))
        g_strstrip(text);
    if (text == NULL || !g_uuid_string_is_valid(text)) {
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "See that /proc is mounted and readable.",
                          "The id of this boot cannot be read from %s.", path);
        return NULL;
    }
    kept = g_strdup(text);
    if (!g_atomic_pointer_compare_and_exchange(&known, NULL, kept))
        g_free(kept);
    return g_steal_pointer(&text);
}
