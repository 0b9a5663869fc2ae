/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The launcher process and the socket to it.
 *
 * It is started by posix_spawn(), which copies nothing of the daemon, in a session of its own, so
 * that signals for the daemon's terminal do not reach it. The first packet that cannot be sent at
 * once, and all after it, wait in a queue until the socket takes them.
 */
#include "actions/launcher-link.h"

#include <poll.h>
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actions/launcher-process.h"
#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"
#include "common/log-message.h"

#define CHILD_SOCKET_FD 3
#define FIRST_DELAY_US (USEC_PER_SECOND / 10)
#define LAST_DELAY_US (30u * USEC_PER_SECOND)
/* One that has lived for so long is started again at once as the first time. */
#define LONG_LIFE_US (60u * USEC_PER_SECOND)
/* For one that is given up to end what it has started. */
#define END_PATIENCE_US (2u * USEC_PER_SECOND)
#define ANSWERS_AT_ONCE 64

/* Reaps it, whatever becomes of the link. */
typedef struct LauncherProcess {
    pid_t pid; /* not reaped, and so its own, until `pidfd` is readable */
    int pidfd;
    GSource *end_source;
    BoottimeTimer *kill_timer;
    LauncherLink *link; /* NULL: it was given up */
} LauncherProcess;

typedef struct Packet {
    guint64 id;
    int fd;
    gsize size;
    guint8 bytes[];
} Packet;

/* How long the end of the daemon waits for that of the launcher, which takes a millisecond. */
#define END_WAIT_MS 500

struct LauncherLink {
    char *executable;
    const LauncherLinkEvents *events;
    gpointer user_data;
    LauncherProcess *process; /* NULL: none */
    int socket_fd;
    GSource *in_source;
    GSource *out_source; /* while packets wait */
    GQueue packets;
    guint64 started_us;
    guint64 delay_us;
    BoottimeTimer *start_timer;
};

static void drop_source(GSource **source)
{
    if (*source != NULL)
        g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

static gboolean receive(LauncherLink *self);

/* The process. */

static char *describe_end(const siginfo_t *info)
{
    return info->si_code == CLD_EXITED ? g_strdup_printf("status %d", info->si_status)
                                       : g_strdup_printf("signal %d", info->si_status);
}

static gboolean on_process_ended(int fd, GIOCondition condition, gpointer user_data)
{
    LauncherProcess *process = user_data;
    siginfo_t info = { 0 };

    if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
        return G_SOURCE_CONTINUE;
    g_autofree char *end = describe_end(&info);
    /* Its last words first. */
    while (process->link != NULL && receive(process->link))
        ;
    if (process->link != NULL)
        launcher_link_give_up(process->link, end);
    boottime_timer_free(process->kill_timer);
    drop_source(&process->end_source);
    close(process->pidfd);
    g_free(process);
    return G_SOURCE_REMOVE;
}

static void on_kill_timer(gpointer user_data)
{
    LauncherProcess *process = user_data;

    (void)syscall(SYS_pidfd_send_signal, process->pidfd, SIGKILL, NULL, 0);
}

/* Its socket is closed: it ends what it has started, and then itself, or it hangs. */
static void abandon(LauncherProcess *process)
{
    process->link = NULL;
    boottime_timer_set(process->kill_timer, time_add(boottime_now(), END_PATIENCE_US));
}

static int spawn(const LauncherLink *self, int child_socket, pid_t *ret_pid)
{
    g_autofree char *word = g_strdup_printf("%d", CHILD_SOCKET_FD);
    char *argv[] = { (char *)"bailiffd", (char *)LAUNCHER_OPTION, word, NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    int failed;

    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawn_file_actions_init(&files);
    failed = posix_spawn_file_actions_adddup2(&files, child_socket, CHILD_SOCKET_FD);
    if (failed == 0)
        failed = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (failed == 0)
        failed = posix_spawn(ret_pid, self->executable, &files, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

static LauncherProcess *watch_process(LauncherLink *self, pid_t pid, int pidfd)
{
    LauncherProcess *process = g_new0(LauncherProcess, 1);

    process->pid = pid;
    process->pidfd = pidfd;
    process->link = self;
    process->kill_timer = boottime_timer_new(on_kill_timer, process);
    process->end_source = g_unix_fd_source_new(pidfd, G_IO_IN);
    g_source_set_callback(process->end_source, G_SOURCE_FUNC(on_process_ended), process, NULL);
    g_source_attach(process->end_source, NULL);
    return process;
}

/* Answers. */

static gboolean receive(LauncherLink *self)
{
    LauncherAnswer answer;
    ssize_t size = recv(self->socket_fd, &answer, sizeof answer, MSG_DONTWAIT | MSG_TRUNC);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return FALSE;
    if (size <= 0) {
        launcher_link_give_up(self, "it has closed its socket");
        return FALSE;
    }
    if (!launcher_answer_is_sound(&answer, (gsize)size) ||
        !self->events->answered(&answer, self->user_data)) {
        launcher_link_give_up(self, "it has answered what makes no sense");
        return FALSE;
    }
    return TRUE;
}

static gboolean on_readable(int fd, GIOCondition condition, gpointer user_data)
{
    for (guint i = 0; i < ANSWERS_AT_ONCE && receive(user_data); i++)
        ;
    return G_SOURCE_CONTINUE;
}

/* Requests. */

static void packet_free(Packet *packet)
{
    if (packet->fd >= 0)
        close(packet->fd);
    g_free(packet);
}

/* 0 when it was sent, or an errno. */
static int send_packet(const LauncherLink *self, const Packet *packet)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec part = { .iov_base = (void *)packet->bytes, .iov_len = packet->size };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    if (packet->fd >= 0) {
        struct cmsghdr *head = &control.align;

        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &packet->fd, sizeof(int));
    }
    return sendmsg(self->socket_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

/* What cannot be sent for another reason than a full socket is left to the end of the socket, or
 * to the limit of the program: both are noticed. */
static void send_waiting(LauncherLink *self)
{
    while (!g_queue_is_empty(&self->packets)) {
        int failed = send_packet(self, g_queue_peek_head(&self->packets));

        if (failed == EAGAIN || failed == EINTR)
            return;
        packet_free(g_queue_pop_head(&self->packets));
        if (failed != 0)
            log_line(LOG_WARNING, NULL,
                     "A packet to the launcher of programs could not be sent: %s",
                     g_strerror(failed));
    }
}

static gboolean on_writable(int fd, GIOCondition condition, gpointer user_data)
{
    LauncherLink *self = user_data;

    send_waiting(self);
    if (!g_queue_is_empty(&self->packets))
        return G_SOURCE_CONTINUE;
    drop_source(&self->out_source);
    return G_SOURCE_REMOVE;
}

void launcher_link_send(LauncherLink *self, const LauncherRequest *request, int output_fd)
{
    gsize size = launcher_request_size(request);
    Packet *packet = g_malloc(sizeof *packet + size);

    packet->id = request->id;
    packet->fd = output_fd;
    packet->size = size;
    memcpy(packet->bytes, request, size);
    g_queue_push_tail(&self->packets, packet);
    if (self->out_source != NULL)
        return;
    send_waiting(self);
    if (g_queue_is_empty(&self->packets))
        return;
    self->out_source = g_unix_fd_source_new(self->socket_fd, G_IO_OUT);
    g_source_set_callback(self->out_source, G_SOURCE_FUNC(on_writable), self, NULL);
    g_source_attach(self->out_source, NULL);
}

gboolean launcher_link_take_back(LauncherLink *self, guint64 id)
{
    for (GList *at = self->packets.head; at != NULL; at = at->next) {
        Packet *packet = at->data;

        if (packet->id != id)
            continue;
        packet_free(packet);
        g_queue_delete_link(&self->packets, at);
        return TRUE;
    }
    return FALSE;
}

/* Beginning and end. */

/* 0, or an errno. */
static int start_process(LauncherLink *self, int *ret_socket)
{
    int fds[2], pidfd, failed;
    pid_t pid = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return errno;
    failed = spawn(self, fds[1], &pid);
    close(fds[1]);
    if (failed == 0) {
        pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (pidfd >= 0) {
            self->process = watch_process(self, pid, pidfd);
            *ret_socket = fds[0];
            return 0;
        }
        /* Without its socket it ends; nobody reaps it. */
        failed = errno;
    }
    close(fds[0]);
    return failed;
}

static gboolean start(LauncherLink *self, GError **error)
{
    int failed = start_process(self, &self->socket_fd);

    if (failed != 0) {
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                          "See to what the system is short of, and start bailiffd again.",
                          "The launcher of programs, %s, cannot be started: %s.", self->executable,
                          g_strerror(failed));
        return FALSE;
    }
    self->started_us = boottime_now();
    self->in_source = g_unix_fd_source_new(self->socket_fd, G_IO_IN);
    g_source_set_callback(self->in_source, G_SOURCE_FUNC(on_readable), self, NULL);
    g_source_attach(self->in_source, NULL);
    return TRUE;
}

static void disconnect(LauncherLink *self)
{
    drop_source(&self->in_source);
    drop_source(&self->out_source);
    g_queue_clear_full(&self->packets, (GDestroyNotify)packet_free);
    if (self->socket_fd >= 0)
        close(self->socket_fd);
    self->socket_fd = -1;
    if (self->process != NULL)
        abandon(self->process);
    self->process = NULL;
}

static void start_later(LauncherLink *self, const char *reason)
{
    guint64 now_us = boottime_now();

    if (time_since(now_us, self->started_us) >= LONG_LIFE_US)
        self->delay_us = FIRST_DELAY_US;
    log_message(MESSAGE_LAUNCHER_LOST, NULL,
                "There is no launcher of programs (%s): exec steps fail. It is started again in "
                "%.1f s",
                reason, (double)self->delay_us / USEC_PER_SECOND);
    boottime_timer_set(self->start_timer, time_add(now_us, self->delay_us));
    self->delay_us = MIN(self->delay_us * 2, LAST_DELAY_US);
}

static void on_start_timer(gpointer user_data)
{
    LauncherLink *self = user_data;
    g_autoptr(GError) error = NULL;

    if (start(self, &error)) {
        log_message(MESSAGE_LAUNCHER_BACK, NULL, "The launcher of programs runs again");
        return;
    }
    self->started_us = boottime_now();
    start_later(self, error->message);
}

void launcher_link_give_up(LauncherLink *self, const char *reason)
{
    if (self->process == NULL)
        return;
    disconnect(self);
    start_later(self, reason);
    self->events->lost(self->user_data);
}

LauncherLink *launcher_link_new(const char *executable, const LauncherLinkEvents *events,
                                gpointer user_data, GError **error)
{
    g_autoptr(LauncherLink) self = g_new0(LauncherLink, 1);

    self->executable = g_strdup(executable != NULL ? executable : "/proc/self/exe");
    self->events = events;
    self->user_data = user_data;
    self->socket_fd = -1;
    self->delay_us = FIRST_DELAY_US;
    self->start_timer = boottime_timer_new(on_start_timer, self);
    g_queue_init(&self->packets);
    return start(self, error) ? g_steal_pointer(&self) : NULL;
}

/* The daemon is about to end, and nobody looks after the process any more: a zombie would stay
 * until process 1 takes notice. One that hangs is left to it. */
static void wait_for_end(LauncherProcess *process)
{
    struct pollfd fd = { .fd = process->pidfd, .events = POLLIN };

    if (poll(&fd, 1, END_WAIT_MS) == 1)
        (void)on_process_ended(process->pidfd, G_IO_IN, process);
}

void launcher_link_free(LauncherLink *self)
{
    LauncherProcess *process;

    if (self == NULL)
        return;
    process = self->process;
    disconnect(self);
    if (process != NULL)
        wait_for_end(process);
    boottime_timer_free(self->start_timer);
    g_free(self->executable);
    g_free(self);
}

gboolean launcher_link_is_up(const LauncherLink *self)
{
    return self->process != NULL;
}

pid_t launcher_link_get_pid(const LauncherLink *self)
{
    return self->process != NULL ? self->process->pid : 0;
}
