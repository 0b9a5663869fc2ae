/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who a process is. The processes looked at are children of this test, which hold still by reading
 * from a pipe until the test lets them end.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/bailiff-error.h"
#include "common/process-identity.h"

#define PIDFD_THREAD_FLAG O_EXCL

typedef struct Child {
    pid_t pid;
    int pidfd;
    int hold; /* closing it lets the child end */
} Child;

static int open_pidfd(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static void child_main(int ready, int hold, const char *name)
{
    char byte = 0;

    prctl(PR_SET_NAME, name);
    if (write(ready, &byte, 1) == 1 && read(hold, &byte, 1) < 0)
        _exit(1);
    _exit(0);
}

static Child start_child(const char *name)
{
    int ready[2];
    int hold[2];
    Child child;
    char byte;

    g_assert_cmpint(pipe2(ready, O_CLOEXEC), ==, 0);
    g_assert_cmpint(pipe2(hold, O_CLOEXEC), ==, 0);
    child.pid = fork();
    if (child.pid == 0) {
        close(hold[1]);
        child_main(ready[1], hold[0], name);
    }
    close(ready[1]);
    close(hold[0]);
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    close(ready[0]);
    child.hold = hold[1];
    child.pidfd = open_pidfd(child.pid);
    g_assert_cmpint(child.pidfd, >=, 0);
    return child;
}

static void end_child(Child *child)
{
    if (child->hold >= 0)
        close(child->hold);
    waitpid(child->pid, NULL, 0);
}

static void test_self(void)
{
    g_auto(ProcessIdentity) identity = { .pidfd = -1 };
    g_auto(ProcessIdentity) again = { .pidfd = -1 };
    g_autoptr(GError) error = NULL;

    g_assert_true(process_identity_from_pid(&identity, getpid(), 0, &error));
    g_assert_no_error(error);
    g_assert_cmpint(identity.pid, ==, getpid());
    g_assert_cmpuint(identity.uid, ==, geteuid());
    g_assert_cmpuint(identity.start_time, >, 0);
    g_assert_cmpstr(identity.comm, ==, "test-process-id");
    g_assert_false(process_identity_has_ended(&identity));

    g_assert_true(process_identity_from_pid(&again, getpid(), identity.start_time, &error));
    g_assert_cmpuint(again.start_time, ==, identity.start_time);
    process_identity_clear(&again);
    g_assert_cmpint(again.pidfd, ==, -1);

    g_assert_false(process_identity_from_pid(&again, getpid(), identity.start_time + 1, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);
    g_assert_cmpint(again.pidfd, ==, -1);
}

/* Names that look like the rest of the line must not move the fields. */
static void test_names(void)
{
    static const struct {
        const char *name;
        const char *comm;
    } rows[] = {
        { "plain", "plain" },
        { "a b c", "a b c" },
        { ") R 1 2 3 (", ") R 1 2 3 (" },
        { "x) S 1 1 1 1", "x) S 1 1 1 1" },
        { "((", "((" },
        { "new\nline", "new?line" },
        { "\x1b[31m", "?[31m" },
        { "\xff\xfe", "??" },
        { "caf\xc3\xa9", "caf\xc3\xa9" },
    };
    guint64 before = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        Child child = start_child(rows[i].name);
        g_auto(ProcessIdentity) identity = { .pidfd = -1 };
        g_autoptr(GError) error = NULL;

        g_assert_true(process_identity_from_pidfd(&identity, child.pidfd, &error));
        g_assert_cmpint(identity.pid, ==, child.pid);
        g_assert_cmpstr(identity.comm, ==, rows[i].comm);
        g_assert_cmpuint(identity.start_time, >=, before);
        g_assert_true(g_utf8_validate(identity.comm, -1, NULL));
        before = identity.start_time;
        end_child(&child);
    }
}

static void test_end(void)
{
    Child child = start_child("short");
    g_auto(ProcessIdentity) identity = { .pidfd = -1 };
    ProcessIdentity other;
    g_autoptr(GError) error = NULL;
    int second = open_pidfd(child.pid);
    siginfo_t info;

    g_assert_true(process_identity_from_pidfd(&identity, child.pidfd, &error));
    g_assert_false(process_identity_has_ended(&identity));
    g_assert_true(process_identity_signal(&identity, SIGKILL, &error));
    g_assert_cmpint(waitid(P_PID, (id_t)child.pid, &info, WEXITED | WNOWAIT), ==, 0);

    /* A zombie: still in /proc, and ended. */
    g_assert_true(process_identity_has_ended(&identity));
    g_assert_false(process_identity_from_pidfd(&other, second, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_false(process_identity_from_pid(&other, child.pid, 0, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);
    g_clear_error(&error);

    end_child(&child);
    g_assert_true(process_identity_has_ended(&identity));
    g_assert_false(process_identity_from_pidfd(&other, second, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_false(process_identity_signal(&identity, SIGKILL, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);
    /* Not taken over on failure. */
    g_assert_cmpint(fcntl(second, F_GETFD), >=, 0);
    close(second);
}

static void assert_refused(int fd, BailiffError code)
{
    ProcessIdentity identity;
    g_autoptr(GError) error = NULL;

    g_assert_false(process_identity_from_pidfd(&identity, fd, &error));
    g_assert_error(error, BAILIFF_ERROR, (int)code);
    g_assert_nonnull(strchr(error->message, '\n'));
    g_assert_cmpint(identity.pidfd, ==, -1);
}

static void test_not_a_pidfd(void)
{
    int pipe_ends[2];
    int directory = open("/proc/self", O_RDONLY | O_CLOEXEC);
    int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

    g_assert_cmpint(pipe2(pipe_ends, O_CLOEXEC), ==, 0);
    assert_refused(pipe_ends[0], BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_refused(directory, BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_refused(file, BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_refused(-1, BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_refused(1 << 20, BAILIFF_ERROR_INVALID_ARGUMENT);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    close(directory);
    close(file);
}

static void test_bad_pids(void)
{
    static const pid_t pids[] = { 0, -1, G_MININT32 };
    ProcessIdentity identity;

    for (gsize i = 0; i < G_N_ELEMENTS(pids); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(process_identity_from_pid(&identity, pids[i], 0, &error));
        g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);
    }
}

typedef struct ThreadLook {
    pthread_barrier_t barrier;
    pid_t tid;
} ThreadLook;

static void *thread_main(void *data)
{
    ThreadLook *look = data;

    look->tid = (pid_t)syscall(SYS_gettid);
    pthread_barrier_wait(&look->barrier);
    pthread_barrier_wait(&look->barrier);
    return NULL;
}

static void test_threads(void)
{
    ThreadLook look;
    pthread_t thread;
    ProcessIdentity identity;
    g_autoptr(GError) error = NULL;
    int pidfd;

    pthread_barrier_init(&look.barrier, NULL, 2);
    g_assert_cmpint(pthread_create(&thread, NULL, thread_main, &look), ==, 0);
    pthread_barrier_wait(&look.barrier);

    g_assert_false(process_identity_from_pid(&identity, look.tid, 0, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);

    /* Such a pidfd ends with its thread, while the process lives: also that of the first thread. */
    pidfd = (int)syscall(SYS_pidfd_open, getpid(), PIDFD_THREAD_FLAG);
    if (pidfd >= 0) {
        assert_refused(pidfd, BAILIFF_ERROR_INVALID_ARGUMENT);
        close(pidfd);
        pidfd = (int)syscall(SYS_pidfd_open, look.tid, PIDFD_THREAD_FLAG);
        assert_refused(pidfd, BAILIFF_ERROR_INVALID_ARGUMENT);
        close(pidfd);
    } else {
        g_test_message("this kernel has no pidfds of threads");
    }
    pthread_barrier_wait(&look.barrier);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&look.barrier);
}

static void *leave_first_thread_main(void *data)
{
    const int *ends = data;
    char byte = 0;

    /* The first thread is a zombie as soon as it cannot be joined any more; the parent looks. */
    if (write(ends[0], &byte, 1) == 1 && read(ends[1], &byte, 1) < 0)
        _exit(1);
    _exit(0);
}

/* The first thread has left, another goes on: that process uses its leases still. */
static void test_zombie_leader(void)
{
    int ready[2];
    int hold[2];
    g_auto(ProcessIdentity) identity = { .pidfd = -1 };
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    char byte;
    pid_t pid;
    gboolean is_zombie = FALSE;

    g_assert_cmpint(pipe2(ready, O_CLOEXEC), ==, 0);
    g_assert_cmpint(pipe2(hold, O_CLOEXEC), ==, 0);
    pid = fork();
    if (pid == 0) {
        pthread_t thread;
        int ends[2] = { ready[1], hold[0] };

        close(hold[1]);
        if (pthread_create(&thread, NULL, leave_first_thread_main, ends) != 0)
            _exit(1);
        syscall(SYS_exit, 0); /* this thread only */
    }
    close(ready[1]);
    close(hold[0]);
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    path = g_strdup_printf("/proc/%d/stat", (int)pid);
    while (!is_zombie) {
        g_autofree char *stat = NULL;

        g_assert_true(g_file_get_contents(path, &stat, NULL, &error));
        is_zombie = strstr(stat, ") Z ") != NULL;
    }

    g_assert_true(process_identity_from_pid(&identity, pid, 0, &error));
    g_assert_no_error(error);
    g_assert_false(process_identity_has_ended(&identity));
    close(hold[1]);
    waitpid(pid, NULL, 0);
    g_assert_true(process_identity_has_ended(&identity));
    close(ready[0]);
}

static void test_close_on_exec(void)
{
    g_auto(ProcessIdentity) identity = { .pidfd = -1 };
    g_autoptr(GError) error = NULL;
    int pidfd = open_pidfd(getpid());

    g_assert_cmpint(fcntl(pidfd, F_SETFD, 0), ==, 0);
    g_assert_true(process_identity_from_pidfd(&identity, pidfd, &error));
    g_assert_cmpint(fcntl(identity.pidfd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    g_assert_false(process_identity_signal(&identity, 1000, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);
}

static void test_boot_id(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *first = process_boot_id(&error);
    g_autofree char *second = process_boot_id(&error);

    g_assert_no_error(error);
    g_assert_cmpuint(strlen(first), ==, 36);
    g_assert_cmpstr(first, ==, second);
}

int main(int argc, char **argv)
{
    int pidfd;

    g_test_init(&argc, &argv, NULL);
    pidfd = open_pidfd(getpid());
    if (pidfd < 0 && errno == ENOSYS) {
        g_print("1..0 # SKIP there is no pidfd_open here (an old kernel, or valgrind)\n");
        return 0; /* TAP says the rest */
    }
    close(pidfd);
    g_test_add_func("/process-identity/self", test_self);
    g_test_add_func("/process-identity/names", test_names);
    g_test_add_func("/process-identity/end", test_end);
    g_test_add_func("/process-identity/not-a-pidfd", test_not_a_pidfd);
    g_test_add_func("/process-identity/bad-pids", test_bad_pids);
    g_test_add_func("/process-identity/threads", test_threads);
    g_test_add_func("/process-identity/zombie-leader", test_zombie_leader);
    g_test_add_func("/process-identity/close-on-exec", test_close_on_exec);
    g_test_add_func("/process-identity/boot-id", test_boot_id);
    return g_test_run();
}
