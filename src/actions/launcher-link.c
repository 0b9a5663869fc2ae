/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The launcher process and the socket to it.
 *
 *     up ──── it ends, hangs, makes no sense ────► dying ──── its pidfd ────► gone
 *      ▲                                                                       │ delay
 *      └── its first answer ── started ◄── launcher-start, in a thread ◄───────┘
 */
#include "actions/launcher-link.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actions/launcher-orphans.h"
#include "actions/launcher-packets.h"
#include "actions/launcher-start.h"
#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"
#include "common/log-message.h"

/* For one that is given up to end what it has started; and for one that is stopped, which itself
 * waits for five seconds. */
#define END_PATIENCE_US (2u * USEC_PER_SECOND)
#define STOP_PATIENCE_US (6u * USEC_PER_SECOND)
/* For the first answer of the first one. */
#define START_PATIENCE_MS 10000
/* The same of one that has answered before: leases wait. */
#define INHERIT_PATIENCE_MS 100
/* How long the end of the daemon waits for that of a launcher that was not stopped before. */
#define END_WAIT_MS 500
#define ANSWERS_AT_ONCE 64

/* Reaps it, whatever becomes of the link. */
typedef struct LauncherProcess {
    pid_t pid; /* not reaped, and so its own, until `pidfd` is readable */
    int pidfd;
    GSource *end_source;
    BoottimeTimer *kill_timer;
    LauncherLink *link; /* NULL: there is none any more */
} LauncherProcess;

struct LauncherLink {
    char *executable;
    const LauncherLinkEvents *events;
    gpointer user_data;
    LauncherProcess *process; /* with a socket; NULL: none */
    LauncherProcess *dying;   /* given up, and not gone yet */
    LauncherStart *start;     /* under way */
    LauncherOrphans *orphans;
    int socket_fd;
    gboolean is_closed; /* by the launcher, which is about to end */
    GSource *in_source;
    LauncherPackets *packets;
    LauncherHealth health;
    BoottimeTimer *health_timer;
    guint64 last_ping;
    guint64 others_ping; /* up to here the questions are of the program before */
    BoottimeTimer *start_timer;
    gboolean start_is_due; /* when what is dying is gone */
    guint64 n_losses;
    gboolean stopping;
};

static void drop_source(GSource **source)
{
    if (*source != NULL)
        g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

static gboolean receive(LauncherLink *self);
static void give_up(LauncherLink *self, const char *reason, guint64 patience_us);
static void start_later(LauncherLink *self, const char *reason);
static void process_is_gone(LauncherLink *self);

/* The process. */

static char *describe_end(const siginfo_t *info)
{
    return info->si_code == CLD_EXITED ? g_strdup_printf("status %d", info->si_status)
                                       : g_strdup_printf("signal %d", info->si_status);
}

static gboolean on_process_ended(int fd, GIOCondition condition, gpointer user_data)
{
    LauncherProcess *process = user_data;
    LauncherLink *link = process->link;
    siginfo_t info = { 0 };

    if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
        return G_SOURCE_CONTINUE;
    if (link != NULL && link->process == process) {
        g_autofree char *end = describe_end(&info);

        /* Its last words first. */
        while (receive(link))
            ;
        give_up(link, end, TIME_NEVER);
    }
    boottime_timer_free(process->kill_timer);
    drop_source(&process->end_source);
    close(process->pidfd);
    g_free(process);
    if (link != NULL)
        process_is_gone(link);
    return G_SOURCE_REMOVE;
}

static void on_kill_timer(gpointer user_data)
{
    LauncherProcess *process = user_data;

    (void)syscall(SYS_pidfd_send_signal, process->pidfd, SIGKILL, NULL, 0);
}

static LauncherProcess *watch_process(LauncherLink *self, const LauncherStarted *started)
{
    LauncherProcess *process = g_new0(LauncherProcess, 1);

    process->pid = started->pid;
    process->pidfd = started->pidfd;
    process->link = self;
    process->kill_timer = boottime_timer_new(on_kill_timer, process);
    process->end_source = g_unix_fd_source_new(process->pidfd, G_IO_IN);
    g_source_set_callback(process->end_source, G_SOURCE_FUNC(on_process_ended), process, NULL);
    g_source_attach(process->end_source, NULL);
    return process;
}

/* Answers. */

static void on_pong(LauncherLink *self, const LauncherAnswer *answer)
{
    if (answer->id <= self->others_ping)
        return;
    if (answer->id != self->last_ping) {
        give_up(self, "it has answered what makes no sense", END_PATIENCE_US);
        return;
    }
    if (answer->detail != LAUNCHER_PROTOCOL) {
        give_up(self, "it is of another version", END_PATIENCE_US);
        return;
    }
    if (launcher_health_heard(&self->health, true, boottime_now()) && self->n_losses > 0) {
        log_message(MESSAGE_LAUNCHER_BACK, LOG_SUBJECT(.pid = self->process->pid),
                    "The launcher of programs runs again (process %d)", (int)self->process->pid);
        self->events->changed(self->user_data);
    }
    boottime_timer_set(self->health_timer, self->health.next_us);
}

/* The process ends in this moment as a rule, and then it is known how. */
static void wait_for_its_end(LauncherLink *self)
{
    gboolean was_up = launcher_link_is_up(self);

    self->is_closed = TRUE;
    drop_source(&self->in_source);
    boottime_timer_set(self->process->kill_timer, time_add(boottime_now(), END_PATIENCE_US));
    if (was_up)
        self->events->changed(self->user_data);
}

/* FALSE: there is nothing more, or the launcher was given up. */
static gboolean receive(LauncherLink *self)
{
    LauncherProcess *process = self->process;
    LauncherAnswer answer;
    ssize_t size;

    if (process == NULL || self->is_closed)
        return FALSE;
    size = recv(self->socket_fd, &answer, sizeof answer, MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return FALSE;
    if (size <= 0)
        wait_for_its_end(self);
    else if (!launcher_answer_is_sound(&answer, (gsize)size))
        give_up(self, "it has answered what makes no sense", END_PATIENCE_US);
    else if (answer.kind == LAUNCHER_ANSWER_PONG)
        on_pong(self, &answer);
    else if (self->events->answered(&answer, self->user_data))
        (void)launcher_health_heard(&self->health, false, boottime_now());
    else
        give_up(self, "it has answered what was not asked", END_PATIENCE_US);
    return self->process == process && !self->is_closed;
}

static gboolean on_readable(int fd, GIOCondition condition, gpointer user_data)
{
    for (guint i = 0; i < ANSWERS_AT_ONCE && receive(user_data); i++)
        ;
    return G_SOURCE_CONTINUE;
}

/* Health. */

static void ask(LauncherLink *self)
{
    g_autofree LauncherRequest *request = g_new(LauncherRequest, 1);

    launcher_request_init(request, LAUNCHER_REQUEST_PING, ++self->last_ping);
    launcher_packets_send(self->packets, request, -1);
    boottime_timer_set(self->health_timer, self->health.next_us);
}

static void on_health_timer(gpointer user_data)
{
    LauncherLink *self = user_data;

    /* An answer that has come is one, however late the main loop is itself. */
    while (receive(self))
        ;
    if (self->process == NULL)
        return;
    switch (launcher_health_look(&self->health, boottime_now())) {
    case LAUNCHER_HEALTH_WAIT:
        boottime_timer_set(self->health_timer, self->health.next_us);
        return;
    case LAUNCHER_HEALTH_ASK:
        ask(self);
        return;
    case LAUNCHER_HEALTH_HANGS:
        launcher_link_give_up(self);
        return;
    }
}

/* Asked before each request: the answer to the question comes first, so that a request whose
 * program would only be waited for until its limit is known to be lost. */
void launcher_link_send(LauncherLink *self, const LauncherRequest *request, int output_fd)
{
    if (launcher_health_needs(&self->health, boottime_now()))
        ask(self);
    launcher_packets_send(self->packets, request, output_fd);
}

gboolean launcher_link_take_back(LauncherLink *self, guint64 id)
{
    return self->packets != NULL && launcher_packets_take_back(self->packets, id);
}

/* The end of a launcher. */

/* Without its socket it ends what it has started, and then itself; or it is killed. */
static void disconnect(LauncherLink *self, guint64 patience_us)
{
    if (self->process == NULL)
        return;
    drop_source(&self->in_source);
    g_clear_pointer(&self->packets, launcher_packets_free);
    close(self->socket_fd);
    self->socket_fd = -1;
    boottime_timer_set(self->health_timer, TIME_NEVER);
    self->dying = g_steal_pointer(&self->process);
    if (patience_us == 0)
        on_kill_timer(self->dying);
    else
        boottime_timer_set(self->dying->kill_timer, time_add(boottime_now(), patience_us));
}

/* `patience_us`: until it is killed; 0: at once, so that it does not begin what it was asked for
 * when it goes on. */
static void give_up(LauncherLink *self, const char *reason, guint64 patience_us)
{
    gboolean was_up = launcher_link_is_up(self);

    if (self->process == NULL)
        return;
    disconnect(self, patience_us);
    start_later(self, reason);
    self->events->lost(reason, self->user_data);
    if (was_up)
        self->events->changed(self->user_data);
}

void launcher_link_give_up(LauncherLink *self)
{
    give_up(self, "it does not answer", 0);
}

static gboolean is_stopped(const LauncherLink *self)
{
    return self->process == NULL && self->dying == NULL && self->start == NULL &&
           launcher_orphans_count(self->orphans) == 0;
}

static void orphans_are_gone(gpointer user_data)
{
    LauncherLink *self = user_data;

    if (self->stopping && is_stopped(self))
        self->events->stopped(self->user_data);
}

static void begin_start(LauncherLink *self);

/* All that it had started is the daemon's now. */
static void process_is_gone(LauncherLink *self)
{
    gboolean gone = launcher_orphans_kill_but(self->orphans, 0);

    self->dying = NULL;
    if (self->start_is_due)
        begin_start(self);
    else if (gone)
        orphans_are_gone(self);
}

/* The beginning. */

static void connect_to(LauncherLink *self, const LauncherStarted *started)
{
    self->process = watch_process(self, started);
    self->socket_fd = started->socket_fd;
    self->packets = launcher_packets_new(self->socket_fd);
    self->is_closed = FALSE;
    self->in_source = g_unix_fd_source_new(self->socket_fd, G_IO_IN);
    g_source_set_callback(self->in_source, G_SOURCE_FUNC(on_readable), self, NULL);
    g_source_attach(self->in_source, NULL);
    launcher_health_started(&self->health, boottime_now());
    ask(self);
}

static void start_later(LauncherLink *self, const char *reason)
{
    guint64 now_us = boottime_now();
    guint64 delay_us = launcher_health_lost(&self->health, now_us);

    self->n_losses++;
    log_message(MESSAGE_LAUNCHER_LOST, NULL,
                "There is no launcher of programs (%s): exec steps fail. It is started again in "
                "%.1f s",
                reason, (double)delay_us / USEC_PER_SECOND);
    boottime_timer_set(self->start_timer, time_add(now_us, delay_us));
}

static void on_started(const LauncherStarted *started, gpointer user_data)
{
    LauncherLink *self = user_data;

    self->start = NULL;
    if (started->failed == 0) {
        connect_to(self, started);
        (void)launcher_orphans_kill_but(self->orphans, started->pid);
        if (self->stopping)
            disconnect(self, STOP_PATIENCE_US);
        return;
    }
    if (!self->stopping)
        start_later(self, g_strerror(started->failed));
    if (launcher_orphans_kill_but(self->orphans, 0))
        orphans_are_gone(self);
}

static void begin_start(LauncherLink *self)
{
    int failed = 0;

    self->start_is_due = FALSE;
    launcher_orphans_hold(self->orphans);
    self->start = launcher_start_begin(self->executable, on_started, self, &failed);
    if (self->start == NULL)
        on_started(&(LauncherStarted){ .failed = failed }, self);
}

static void on_start_timer(gpointer user_data)
{
    LauncherLink *self = user_data;

    if (self->dying != NULL)
        self->start_is_due = TRUE;
    else
        begin_start(self);
}

/* The first one, by which it is also known whether there can be any. */
static gboolean start_first(LauncherLink *self, GError **error)
{
    LauncherStarted started;
    struct pollfd fd = { .events = POLLIN };
    const char *reason;

    launcher_start(self->executable, &started);
    reason = g_strerror(started.failed);
    if (started.failed == 0) {
        reason = "it does not answer";
        connect_to(self, &started);
        fd.fd = self->socket_fd;
        if (poll(&fd, 1, START_PATIENCE_MS) == 1)
            (void)receive(self);
    }
    if (launcher_link_is_up(self)) {
        (void)launcher_orphans_kill_but(self->orphans, started.pid);
        return TRUE;
    }
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                      "See to what the system is short of, and start bailiffd again.",
                      "The launcher of programs, %s, cannot be started: %s.", self->executable,
                      reason);
    return FALSE;
}

static LauncherLink *make(const char *executable, const LauncherTimes *times,
                          const LauncherLinkEvents *events, gpointer user_data)
{
    LauncherLink *self = g_new0(LauncherLink, 1);

    self->executable = g_strdup(executable != NULL ? executable : "/proc/self/exe");
    self->events = events;
    self->user_data = user_data;
    self->socket_fd = -1;
    self->start_timer = boottime_timer_new(on_start_timer, self);
    self->health_timer = boottime_timer_new(on_health_timer, self);
    self->orphans = launcher_orphans_new(orphans_are_gone, self);
    launcher_health_init(&self->health, times);
    return self;
}

LauncherLink *launcher_link_new(const char *executable, const LauncherTimes *times,
                                const LauncherLinkEvents *events, gpointer user_data,
                                GError **error)
{
    g_autoptr(LauncherLink) self = make(executable, times, events, user_data);

    return start_first(self, error) ? g_steal_pointer(&self) : NULL;
}

/* From one program to the next. */

gboolean launcher_link_give(const LauncherLink *self, LauncherHandle *ret)
{
    if (!launcher_link_is_up(self) || !launcher_packets_are_sent(self->packets))
        return FALSE;
    *ret = (LauncherHandle){ .pid = self->process->pid,
                             .socket_fd = self->socket_fd,
                             .last_ping = self->last_ping };
    return TRUE;
}

/* Its number is its own, as that of a child which nobody has reaped. */
static gboolean is_our_child(pid_t pid)
{
    siginfo_t info = { 0 };

    return pid > 1 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static gboolean take_up(LauncherLink *self, const LauncherHandle *handle)
{
    guint64 until_us = time_add(boottime_now(), INHERIT_PATIENCE_MS * 1000u);
    LauncherStarted started = { .pid = handle->pid, .socket_fd = handle->socket_fd, .pidfd = -1 };
    struct pollfd fd = { .fd = handle->socket_fd, .events = POLLIN };

    if (is_our_child(handle->pid))
        started.pidfd = (int)syscall(SYS_pidfd_open, handle->pid, 0);
    if (started.pidfd < 0) {
        close(handle->socket_fd);
        self->events->lost("it is not this process's", self->user_data);
        return FALSE;
    }
    self->last_ping = self->others_ping = handle->last_ping;
    connect_to(self, &started);
    /* Answers to what the program before has asked come first. */
    while (self->process != NULL && !self->is_closed && !launcher_link_is_up(self) &&
           boottime_now() < until_us)
        if (!receive(self))
            (void)poll(&fd, 1, 1);
    if (launcher_link_is_up(self)) {
        (void)launcher_orphans_kill_but(self->orphans, handle->pid);
        return TRUE;
    }
    launcher_link_give_up(self);
    boottime_timer_set(self->start_timer, TIME_NEVER);
    /* There are never two. */
    fd.fd = self->dying->pidfd;
    if (poll(&fd, 1, END_WAIT_MS) == 1)
        (void)on_process_ended(fd.fd, G_IO_IN, self->dying);
    return FALSE;
}

gboolean launcher_link_inherit(LauncherLink **ret_self, const char *executable,
                               const LauncherTimes *times, const LauncherHandle *handle,
                               const LauncherLinkEvents *events, gpointer user_data, GError **error)
{
    *ret_self = make(executable, times, events, user_data);
    return take_up(*ret_self, handle) || start_first(*ret_self, error);
}

/* Stopping. */

gboolean launcher_link_stop(LauncherLink *self)
{
    self->stopping = TRUE;
    self->start_is_due = FALSE;
    boottime_timer_set(self->start_timer, TIME_NEVER);
    disconnect(self, STOP_PATIENCE_US);
    return is_stopped(self);
}

char *launcher_link_describe_rest(const LauncherLink *self)
{
    g_autofree char *orphans = launcher_orphans_describe(self->orphans);
    GString *text;

    if (is_stopped(self))
        return NULL;
    text = g_string_new(NULL);
    if (self->dying != NULL)
        g_string_append_printf(text, "the launcher, process %d", (int)self->dying->pid);
    else if (self->start != NULL)
        g_string_append(text, "a launcher that is being started");
    if (*orphans != '\0')
        g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", orphans);
    return g_string_free(text, FALSE);
}

void launcher_link_resume(LauncherLink *self)
{
    self->stopping = FALSE;
    if (self->process == NULL && self->start == NULL)
        on_start_timer(self);
}

/* Nobody looks after the process any more: a zombie would stay until process 1 takes notice. One
 * that hangs is left to it. */
static void wait_for_end(LauncherLink *self)
{
    struct pollfd fd = { .fd = self->dying->pidfd, .events = POLLIN };

    self->dying->link = NULL;
    if (poll(&fd, 1, END_WAIT_MS) != 1)
        return;
    (void)on_process_ended(fd.fd, G_IO_IN, self->dying);
    (void)launcher_orphans_kill_but(self->orphans, 0);
}

void launcher_link_free(LauncherLink *self)
{
    if (self == NULL)
        return;
    disconnect(self, STOP_PATIENCE_US);
    if (self->dying != NULL)
        wait_for_end(self);
    if (self->start != NULL)
        launcher_start_forget(self->start);
    boottime_timer_free(self->start_timer);
    boottime_timer_free(self->health_timer);
    launcher_orphans_free(self->orphans);
    g_free(self->executable);
    g_free(self);
}

gboolean launcher_link_is_up(const LauncherLink *self)
{
    return self->process != NULL && self->health.well && !self->is_closed;
}

pid_t launcher_link_get_pid(const LauncherLink *self)
{
    return launcher_link_is_up(self) ? self->process->pid : 0;
}

guint64 launcher_link_count_losses(const LauncherLink *self)
{
    return self->n_losses;
}
