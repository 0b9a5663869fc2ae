/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The launcher process by itself: what it does with requests that no daemon makes, and when there
 * is no daemon any more.
 */
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "actions/launcher-message.h"
#include "support/launcher-fixture.h"

#define NO_FD (-1)

typedef struct Process {
    int socket;
    pid_t pid;
} Process;

static LauncherRequest request;

static pid_t spawn_launcher(int socket)
{
    const char *const argv[] = { self_path, LAUNCHER_OPTION, "3", NULL };
    posix_spawn_file_actions_t files;
    pid_t pid;

    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, socket, 3);
    g_assert_cmpint(posix_spawn(&pid, self_path, &files, NULL, (char **)argv, environ), ==, 0);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

static Process start(void)
{
    Process process;
    int fds[2];

    g_assert_no_errno(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds));
    process.socket = fds[0];
    process.pid = spawn_launcher(fds[1]);
    close(fds[1]);
    return process;
}

static int wait_status(pid_t pid)
{
    int status;

    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void end(Process *process)
{
    close(process->socket);
    g_assert_cmpint(wait_status(process->pid), ==, 0);
}

static void send_bytes(const Process *process, const void *bytes, gsize size, int fd, guint n_fds)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(16 * sizeof(int))];
    } control = { 0 };
    struct iovec part = { .iov_base = (void *)bytes, .iov_len = size };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    if (n_fds > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        for (guint i = 0; i < n_fds; i++)
            memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &fd, sizeof(int));
    }
    g_assert_cmpint(sendmsg(process->socket, &message, MSG_NOSIGNAL), ==, (gssize)size);
}

static void make_request(LauncherRequestKind kind, guint64 id, const char *program)
{
    const char *const args[] = { program, NULL };

    launcher_request_init(&request, kind, id);
    request.uid = geteuid();
    request.until_us = boottime_now() + 1000 * USEC_PER_SECOND;
    if (program != NULL)
        g_assert_true(launcher_request_add_args(&request, args));
}

static void send_request(const Process *process, int fd)
{
    send_bytes(process, &request, launcher_request_size(&request), fd, fd >= 0);
}

static void run(const Process *process, guint64 id, const char *program)
{
    make_request(LAUNCHER_REQUEST_RUN, id, program);
    send_request(process, STDERR_FILENO);
}

static LauncherAnswer read_answer(const Process *process)
{
    struct pollfd fd = { .fd = process->socket, .events = POLLIN };
    LauncherAnswer answer;
    gssize size;

    g_assert_cmpint(poll(&fd, 1, 60000), ==, 1);
    size = recv(process->socket, &answer, sizeof answer, 0);
    g_assert_cmpint(size, ==, sizeof answer);
    g_assert_true(launcher_answer_is_sound(&answer, (gsize)size));
    return answer;
}

static void assert_answer(const Process *process, guint64 id, LauncherAnswerKind kind, int detail)
{
    LauncherAnswer answer = read_answer(process);

    g_assert_cmpuint(answer.id, ==, id);
    g_assert_cmpuint(answer.kind, ==, kind);
    g_assert_cmpint(answer.detail, ==, detail);
}

/* It ends by itself, without an answer, though its socket is open. */
static void assert_ends(Process *process)
{
    char byte;

    g_assert_cmpint(recv(process->socket, &byte, 1, 0), <=, 0);
    g_assert_cmpint(wait_status(process->pid), ==, 0);
    close(process->socket);
}

static void test_answers(void)
{
    Process process = start();

    run(&process, 1, "/bin/true");
    assert_answer(&process, 1, LAUNCHER_ANSWER_EXITED, 0);
    run(&process, 2, "/bin/false");
    assert_answer(&process, 2, LAUNCHER_ANSWER_EXITED, 1);
    run(&process, 3, "/no/such/program");
    assert_answer(&process, 3, LAUNCHER_ANSWER_NOT_STARTED, ENOENT);
    make_request(LAUNCHER_REQUEST_CHECK, 4, "/bin/true");
    send_request(&process, NO_FD);
    assert_answer(&process, 4, LAUNCHER_ANSWER_EXITED, 0);
    end(&process);
}

static void test_kill_of_the_unknown(void)
{
    Process process = start();

    make_request(LAUNCHER_REQUEST_KILL, 99, NULL);
    send_request(&process, NO_FD);
    run(&process, 1, "/bin/true");
    assert_answer(&process, 1, LAUNCHER_ANSWER_EXITED, 0);
    send_request(&process, STDERR_FILENO); /* its number is free again */
    assert_answer(&process, 1, LAUNCHER_ANSWER_EXITED, 0);
    end(&process);
}

/* Begun and killed in one breath: once killed, and not run any more. */
static void test_kill_at_once(void)
{
    Process process = start();

    for (guint64 id = 1; id <= 100; id++) {
        make_request(LAUNCHER_REQUEST_RUN, id, "/bin/cat");
        send_request(&process, STDERR_FILENO);
        make_request(LAUNCHER_REQUEST_KILL, id, NULL);
        send_request(&process, NO_FD);
        /* Its standard input is empty, so it may also have ended. */
        g_assert_cmpuint(read_answer(&process).id, ==, id);
    }
    end(&process);
}

/* By itself, without being told. */
static void test_limit(void)
{
    Process process = start();
    int fds[2];
    char bytes[4096];
    guint64 until_us = boottime_now() + USEC_PER_SECOND / 2;

    g_assert_no_errno(pipe2(fds, O_CLOEXEC));
    make_request(LAUNCHER_REQUEST_RUN, 1, "/usr/bin/yes");
    request.until_us = until_us;
    send_request(&process, fds[1]);
    close(fds[1]);
    run(&process, 2, "/bin/true");
    assert_answer(&process, 2, LAUNCHER_ANSWER_EXITED, 0);
    assert_answer(&process, 1, LAUNCHER_ANSWER_KILLED, 0);
    g_assert_cmpuint(boottime_now(), >=, until_us);
    while (read(fds[0], bytes, sizeof bytes) > 0)
        ;
    close(fds[0]);
    end(&process);
}

static void bad_size(Process *process)
{
    make_request(LAUNCHER_REQUEST_RUN, 1, "/bin/true");
    send_bytes(process, &request, launcher_request_size(&request) - 1, STDERR_FILENO, 1);
}

static void bad_bytes(Process *process)
{
    send_bytes(process, "hello", 5, NO_FD, 0);
}

static void bad_empty(Process *process)
{
    send_bytes(process, "", 0, NO_FD, 0);
}

static void bad_too_long(Process *process)
{
    g_autofree char *bytes = g_malloc0(sizeof request + 1);

    send_bytes(process, bytes, sizeof request + 1, NO_FD, 0);
}

static void bad_no_descriptor(Process *process)
{
    make_request(LAUNCHER_REQUEST_RUN, 1, "/bin/true");
    send_request(process, NO_FD);
}

static void bad_many_descriptors(Process *process)
{
    make_request(LAUNCHER_REQUEST_RUN, 1, "/bin/true");
    send_bytes(process, &request, launcher_request_size(&request), STDERR_FILENO, 16);
}

/* The number of a program that is under way. */
static void bad_twice(Process *process)
{
    run(process, 50, "/bin/true");
}

static void bad_relative(Process *process)
{
    run(process, 1, "bin/true");
}

/* All that it has started ends, too: `yes` writes into our pipe, whose end we see then. */
static void test_bad_request(gconstpointer data)
{
    void (*send_bad)(Process *) = (void (*)(Process *))data;
    Process process = start();
    int fds[2];
    char bytes[4096];

    g_assert_no_errno(pipe2(fds, O_CLOEXEC));
    make_request(LAUNCHER_REQUEST_RUN, 50, "/usr/bin/yes");
    send_request(&process, fds[1]);
    close(fds[1]);
    g_assert_cmpint(read(fds[0], bytes, 1), ==, 1);
    send_bad(&process);
    assert_ends(&process);
    while (read(fds[0], bytes, sizeof bytes) > 0)
        ;
    close(fds[0]);
}

/* What stops a service is sent to each of its processes: the daemon decides when this one ends. */
static void test_signals_have_no_effect(void)
{
    Process process = start();

    run(&process, 1, "/bin/true");
    assert_answer(&process, 1, LAUNCHER_ANSWER_EXITED, 0);
    g_assert_no_errno(kill(process.pid, SIGTERM));
    g_assert_no_errno(kill(process.pid, SIGINT));
    g_assert_no_errno(kill(process.pid, SIGHUP));
    g_assert_no_errno(kill(process.pid, SIGRTMIN));
    g_assert_no_errno(kill(process.pid, SIGCONT));
    run(&process, 2, "/bin/true");
    assert_answer(&process, 2, LAUNCHER_ANSWER_EXITED, 0);
    end(&process);
}

/* Asked for nothing else, it answers at once; and between other requests. */
static void test_ping(void)
{
    Process process = start();

    make_request(LAUNCHER_REQUEST_PING, 7, NULL);
    send_request(&process, NO_FD);
    assert_answer(&process, 7, LAUNCHER_ANSWER_PONG, LAUNCHER_PROTOCOL);
    run(&process, 7, "/bin/true");
    make_request(LAUNCHER_REQUEST_PING, 7, NULL);
    send_request(&process, NO_FD);
    assert_answer(&process, 7, LAUNCHER_ANSWER_PONG, LAUNCHER_PROTOCOL);
    assert_answer(&process, 7, LAUNCHER_ANSWER_EXITED, 0);
    end(&process);
}

/* Sent to a launcher that cannot say anything else first: its socket is full. */
static void test_pong_waits_for_the_socket(void)
{
    Process process = start();
    guint64 n_answers = 0;

    for (guint64 id = 1; id <= 2000; id++) {
        make_request(LAUNCHER_REQUEST_RUN, id, "/bin/true");
        request.until_us = 0;
        send_request(&process, STDERR_FILENO);
    }
    make_request(LAUNCHER_REQUEST_PING, 9999, NULL);
    send_request(&process, NO_FD);
    for (guint i = 0; i < 2001; i++)
        n_answers += read_answer(&process).kind == LAUNCHER_ANSWER_KILLED ? 1 : 0;
    g_assert_cmpuint(n_answers, ==, 2000);
    end(&process);
}

typedef struct DaemonCase {
    gboolean keep_socket; /* somebody else has the daemon's end of it open */
    gboolean stopped;     /* the launcher stands still when the daemon ends */
    gboolean early;       /* before the kernel was asked to tell the launcher of it */
} DaemonCase;

/* As a daemon: says which process is its launcher, and lends its end of the socket. */
static __attribute__((noreturn)) void be_daemon(int report, const DaemonCase *the_case)
{
    Process process;
    int sockets[2];
    pid_t daemon = getpid();

    g_assert_no_errno(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets));
    if (the_case->early) {
        /* Its child is ours to start, when this one has ended. */
        process.pid = fork();
        if (process.pid == 0) {
            raise(SIGSTOP);
            g_assert_cmpint(getppid(), !=, daemon);
            dup2(sockets[1], 3);
            execl(self_path, self_path, LAUNCHER_OPTION, "3", NULL);
        }
    } else {
        process.pid = spawn_launcher(sockets[1]);
    }
    close(sockets[1]);
    process.socket = report;
    send_bytes(&process, &process.pid, sizeof process.pid, sockets[0], 1);
    for (;;)
        pause();
}

static Process receive_daemons_launcher(int report)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    Process process = { 0 };
    struct iovec part = { .iov_base = &process.pid, .iov_len = sizeof process.pid };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };

    g_assert_cmpint(recvmsg(report, &message, MSG_CMSG_CLOEXEC), ==, sizeof process.pid);
    memcpy(&process.socket, CMSG_DATA(&control.head), sizeof(int));
    return process;
}

/* A daemon that is killed. */
static void test_daemon_ends(gconstpointer data)
{
    const DaemonCase *the_case = data;
    Process process;
    int output[2], report[2];
    char bytes[4096];
    pid_t daemon;

    g_assert_no_errno(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report));
    g_assert_no_errno(pipe2(output, O_CLOEXEC));
    daemon = fork();
    if (daemon == 0)
        be_daemon(report[1], the_case);
    close(report[1]);
    process = receive_daemons_launcher(report[0]);
    if (!the_case->early) {
        make_request(LAUNCHER_REQUEST_RUN, 1, "/usr/bin/yes");
        send_request(&process, output[1]);
        close(output[1]);
        g_assert_cmpint(read(output[0], bytes, 1), ==, 1);
    }
    if (the_case->stopped)
        g_assert_no_errno(kill(process.pid, SIGSTOP));
    if (!the_case->keep_socket)
        close(process.socket);
    g_assert_no_errno(kill(daemon, SIGKILL));
    g_assert_cmpint(waitpid(daemon, NULL, 0), ==, daemon);
    if (the_case->early) {
        int status;

        close(output[1]);
        g_assert_cmpint(waitpid(process.pid, &status, WUNTRACED), ==, process.pid);
        g_assert_true(WIFSTOPPED(status));
        g_assert_no_errno(kill(process.pid, SIGCONT));
    }
    while (read(output[0], bytes, sizeof bytes) > 0)
        ;
    /* We are its next parent. */
    g_assert_cmpint(wait_status(process.pid), ==, 0);
    if (the_case->keep_socket)
        close(process.socket);
    close(output[0]);
    close(report[0]);
}

static const DaemonCase daemon_ends = { 0 };
static const DaemonCase daemon_ends_keep = { .keep_socket = TRUE };
static const DaemonCase daemon_ends_stopped = { .keep_socket = TRUE, .stopped = TRUE };
static const DaemonCase daemon_ends_early = { .keep_socket = TRUE, .early = TRUE };

static void test_not_a_socket(void)
{
    int fds[2];

    g_assert_no_errno(pipe(fds));
    g_assert_cmpint(wait_status(spawn_launcher(fds[0])), ==, 2);
    close(fds[0]);
    close(fds[1]);
    g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    g_assert_cmpint(wait_status(spawn_launcher(fds[0])), ==, 2);
    close(fds[0]);
    close(fds[1]);
}

static void test_bad_words(void)
{
    const char *const words[] = { "", "x", "-1", "3x", "99999999999999999999", "2", NULL };

    for (guint i = 0; words[i] != NULL; i++) {
        const char *const argv[] = { self_path, LAUNCHER_OPTION, words[i], NULL };
        pid_t pid;

        g_assert_cmpint(posix_spawn(&pid, self_path, NULL, NULL, (char **)argv, environ), ==, 0);
        g_assert_cmpint(wait_status(pid), ==, 2);
    }
}

static void add_bad(const char *name, void (*send_bad)(Process *))
{
    g_autofree char *path = g_strconcat("/launcher-process/bad-request/", name, NULL);

    g_test_add_data_func(path, send_bad, test_bad_request);
}

int main(int argc, char **argv)
{
    int status;

    if (launcher_fixture_main(argc, argv, &status))
        return status;
    g_assert_no_errno(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/launcher-process/answers", test_answers);
    g_test_add_func("/launcher-process/kill-of-the-unknown", test_kill_of_the_unknown);
    g_test_add_func("/launcher-process/kill-at-once", test_kill_at_once);
    g_test_add_func("/launcher-process/limit", test_limit);
    add_bad("size", bad_size);
    add_bad("bytes", bad_bytes);
    add_bad("empty", bad_empty);
    add_bad("too-long", bad_too_long);
    add_bad("no-descriptor", bad_no_descriptor);
    add_bad("many-descriptors", bad_many_descriptors);
    add_bad("twice", bad_twice);
    add_bad("relative", bad_relative);
    g_test_add_func("/launcher-process/signals-have-no-effect", test_signals_have_no_effect);
    g_test_add_func("/launcher-process/ping", test_ping);
    g_test_add_func("/launcher-process/pong-waits-for-the-socket", test_pong_waits_for_the_socket);
    g_test_add_data_func("/launcher-process/daemon-ends/with-its-socket", &daemon_ends,
                         test_daemon_ends);
    g_test_add_data_func("/launcher-process/daemon-ends/without-its-socket", &daemon_ends_keep,
                         test_daemon_ends);
    g_test_add_data_func("/launcher-process/daemon-ends/while-it-stands-still",
                         &daemon_ends_stopped, test_daemon_ends);
    g_test_add_data_func("/launcher-process/daemon-ends/before-it-can-be-told", &daemon_ends_early,
                         test_daemon_ends);
    g_test_add_func("/launcher-process/not-a-socket", test_not_a_socket);
    g_test_add_func("/launcher-process/bad-words", test_bad_words);
    return g_test_run();
}
