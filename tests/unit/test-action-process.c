/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals to real processes and trees of them. What is proven of each tree that is killed: the root
 * ends after all others, and nobody who ever belonged to it is alive then.
 */
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>

#include "actions/action-process.h"
#include "common/bailiff-error.h"
#include "support/forked-tree.h"

/* As the failure walk does: again until it has ended. What was known of the tree beforehand must
 * have ended by the time that the root is killed. */
static void kill_until_ended(const ProcessIdentity *root, const ProcessIdentity *known,
                             guint n_known)
{
    struct pollfd fd = { .fd = root->pidfd, .events = POLLIN };
    gboolean killed = FALSE;

    for (guint i = 0; !killed && i < 3000; i++) {
        g_autoptr(GError) error = NULL;

        killed = action_process_kill(root, TRUE, &error);
        if (killed)
            break;
        g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_BUSY);
        g_assert_nonnull(strchr(error->message, '\n'));
        /* The root must not go before the others: this must time out. */
        g_assert_cmpint(poll(&fd, 1, 10), ==, 0);
    }
    g_assert_true(killed);
    for (guint i = 0; i < n_known; i++)
        g_assert_true(process_identity_has_ended(&known[i]));
    wait_for_end(root);
    assert_nobody_left();
}

static void kill_reported_tree(pid_t root_pid, guint n_members)
{
    g_autofree ProcessIdentity *members = g_new0(ProcessIdentity, n_members);
    g_auto(ProcessIdentity) root = { .pidfd = -1 };

    for (guint i = 0; i < n_members;) {
        pid_t pid = read_report();

        if (pid != root_pid)
            open_identity(&members[i++], pid);
    }
    open_identity(&root, root_pid);
    kill_until_ended(&root, members, n_members);
    for (guint i = 0; i < n_members; i++)
        process_identity_clear(&members[i]);
}

/* Reports may be left over when a test does not count them. */
static void drain_reports(void)
{
    struct pollfd fd = { .fd = report_fds[0], .events = POLLIN };

    while (poll(&fd, 1, 0) == 1)
        read_report();
}

static void on_signal(int number)
{
    report_pid(getpid());
}

static void body_reports_signals(void)
{
    signal(SIGUSR1, on_signal);
    report_and_pause();
}

static void body_reports_signals_with_child(void)
{
    forked(body_reports_signals);
    body_reports_signals();
}

static void test_signal_to_process_alone(void)
{
    g_auto(ProcessIdentity) root = { .pidfd = -1 };
    g_auto(ProcessIdentity) child = { .pidfd = -1 };
    g_autoptr(GError) error = NULL;
    pid_t root_pid = forked(body_reports_signals_with_child);
    pid_t one = read_report();
    pid_t two = read_report();

    open_identity(&root, root_pid);
    open_identity(&child, one == root_pid ? two : one);
    g_assert_true(action_process_signal(&root, SIGUSR1, &error));
    g_assert_no_error(error);
    g_assert_cmpint(read_report(), ==, root_pid);
    /* Had the child got one too, it would report twice now. */
    g_assert_true(action_process_signal(&child, SIGUSR1, &error));
    g_assert_cmpint(read_report(), ==, child.pid);
    g_assert_true(action_process_signal(&root, SIGUSR1, &error));
    g_assert_cmpint(read_report(), ==, root_pid);

    kill_until_ended(&root, &child, 1);
}

static void assert_refused(const ProcessIdentity *process, int signal_number, int code)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(action_process_signal(process, signal_number, &error));
    g_assert_error(error, BAILIFF_ERROR, code);
    g_assert_nonnull(strchr(error->message, '\n'));
}

static void assert_kill_refused(const ProcessIdentity *process, int code)
{
    for (int descendants = 0; descendants < 2; descendants++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(action_process_kill(process, descendants, &error));
        g_assert_error(error, BAILIFF_ERROR, code);
        g_assert_false(action_process_kill(process, descendants, NULL));
    }
}

static void test_refusals(void)
{
    g_auto(ProcessIdentity) init = { .pidfd = -1 };
    g_auto(ProcessIdentity) self = { .pidfd = -1 };
    g_auto(ProcessIdentity) other = { .pidfd = -1 };
    ProcessIdentity cleared = { .pidfd = -1 };

    open_identity(&init, 1);
    open_identity(&self, getpid());
    assert_refused(&init, SIGURG, BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_refused(&self, SIGURG, BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_refused(&cleared, SIGURG, BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_kill_refused(&init, BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_kill_refused(&self, BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_kill_refused(&cleared, BAILIFF_ERROR_INVALID_ARGUMENT);

    forked(report_and_pause);
    open_identity(&other, read_report());
    assert_refused(&other, 0, BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_refused(&other, -1, BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_refused(&other, 32, BAILIFF_ERROR_INVALID_ARGUMENT);
    g_assert_false(process_identity_has_ended(&other));

    /* Ended: a zombie first, then reaped. */
    kill(other.pid, SIGKILL);
    wait_for_end(&other);
    assert_refused(&other, SIGTERM, BAILIFF_ERROR_NOT_FOUND);
    assert_kill_refused(&other, BAILIFF_ERROR_NOT_FOUND);
    clean_up();
    assert_refused(&other, SIGTERM, BAILIFF_ERROR_NOT_FOUND);
    assert_kill_refused(&other, BAILIFF_ERROR_NOT_FOUND);
}

/* The tree holds the one who kills: nobody may be stopped, least of all itself. */
static void test_own_ancestor(void)
{
    g_auto(ProcessIdentity) self = { .pidfd = -1 };
    int status;

    open_identity(&self, getpid());
    pid_t child = fork();
    if (child == 0) {
        GError *error = NULL;
        gboolean killed = action_process_kill(&self, TRUE, &error);

        _exit(!killed && g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT) ? 0
                                                                                               : 1);
    }
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
}

static void body_one_child(void)
{
    forked(report_and_pause);
    report_and_pause();
}

static void test_kill_alone(void)
{
    g_auto(ProcessIdentity) root = { .pidfd = -1 };
    g_auto(ProcessIdentity) child = { .pidfd = -1 };
    g_autoptr(GError) error = NULL;
    pid_t root_pid = forked(body_one_child);
    pid_t one = read_report();
    pid_t two = read_report();

    open_identity(&root, root_pid);
    open_identity(&child, one == root_pid ? two : one);
    g_assert_true(action_process_kill(&root, FALSE, &error));
    g_assert_no_error(error);
    wait_for_end(&root);
    g_assert_false(process_identity_has_ended(&child));
    clean_up();
}

static void test_kill_single(void)
{
    kill_reported_tree(forked(report_and_pause), 0);
    drain_reports();
}

/* Three levels below the root, three children each: 3 + 9 + 27. */
static void body_level_3(void)
{
    report_and_pause();
}

static void body_level_2(void)
{
    for (guint i = 0; i < 3; i++)
        forked(body_level_3);
    report_and_pause();
}

static void body_level_1(void)
{
    for (guint i = 0; i < 3; i++)
        forked(body_level_2);
    report_and_pause();
}

static void body_level_0(void)
{
    for (guint i = 0; i < 3; i++)
        forked(body_level_1);
    report_and_pause();
}

static void test_kill_levels(void)
{
    kill_reported_tree(forked(body_level_0), 3 + 9 + 27);
    drain_reports();
}

/* A chain as deep as a call's patience may be too short for. */
static void body_chain(void)
{
    static guint depth;

    if (++depth < 60)
        forked(body_chain);
    report_and_pause();
}

static void test_kill_chain(void)
{
    kill_reported_tree(forked(body_chain), 59);
    drain_reports();
}

/* Members in odd states: one whose first thread has ended, one that is stopped already, one that
 * waits for its vfork child (an uninterruptible sleep), one that ignores what can be ignored. */
static void body_stops_itself(void)
{
    report_pid(getpid());
    raise(SIGSTOP);
    _exit(95);
}

static void body_stopped(void)
{
    siginfo_t info;

    waitid(P_PID, (id_t)forked(body_stops_itself), &info, WSTOPPED | WNOWAIT);
    report_and_pause();
}

static void body_vfork(void)
{
    pid_t self = getpid();

    /* The child shares this memory and must not return; the parent sleeps until it ends. */
    if (vfork() == 0) {
        report_pid(self);
        report_pid((pid_t)syscall(SYS_getpid));
        for (;;)
            syscall(SYS_pause);
    }
    _exit(97);
}

static void body_ignores(void)
{
    for (int number = 1; number < 32; number++)
        signal(number, SIG_IGN);
    report_and_pause();
}

static void body_odd(void)
{
    forked(body_dead_leader);
    forked(body_stopped);
    forked(body_vfork);
    forked(body_ignores);
    report_and_pause();
}

static void test_kill_odd_states(void)
{
    kill_reported_tree(forked(body_odd), 1 + 2 + 2 + 1);
    drain_reports();
}

/* Trees that grow while they are killed. */

static void body_replaces(void)
{
    report_pid(getpid());
    for (;;)
        waitpid(forked(body_pause), NULL, 0);
}

static void body_grows(void)
{
    report_pid(getpid());
    for (guint i = 0; i < 60; i++)
        forked(body_pause);
    body_pause();
}

static void *thread_grows(void *unused)
{
    for (guint i = 0; i < 40; i++)
        forked(body_pause);
    body_pause();
    return unused;
}

static void body_slow_root(void)
{
    forked(body_forks_slowly);
    body_pause();
}

/* A root that would make a new child for each one that is killed. */
static void test_kill_replacing_root(void)
{
    g_auto(ProcessIdentity) root = { .pidfd = -1 };

    forked(body_replaces);
    open_identity(&root, read_report());
    kill_until_ended(&root, NULL, 0);
}

static void test_kill_in_fork(void)
{
    for (guint i = 0; i < 16; i++) {
        g_auto(ProcessIdentity) root = { .pidfd = -1 };
        pid_t root_pid = forked(body_slow_root);

        read_report();
        open_identity(&root, root_pid);
        kill_until_ended(&root, NULL, 0);
    }
}

static void body_grows_in_threads(void)
{
    pthread_t thread;

    report_pid(getpid());
    for (guint i = 0; i < 3; i++)
        pthread_create(&thread, NULL, thread_grows, NULL);
    body_pause();
}

static void body_growing_root(void)
{
    forked(body_replaces);
    forked(body_replaces);
    forked(body_grows);
    forked(body_grows);
    forked(body_grows_in_threads);
    body_grows();
}

static void test_kill_growing(void)
{
    for (guint i = 0; i < 25; i++) {
        pid_t root_pid = forked(body_growing_root);
        g_auto(ProcessIdentity) root = { .pidfd = -1 };

        /* As early as possible: others may have yet to begin. */
        for (guint n = 0; n <= i % 6; n++)
            read_report();
        open_identity(&root, root_pid);
        kill_until_ended(&root, NULL, 0);
        drain_reports();
    }
}

/* A member that was killed and does not end, as one whose storage hangs: a tracer holds it at its
 * exit. Neither its parent nor the root may end before it. */
static void body_middle(void)
{
    forked(report_and_pause);
    report_and_pause();
}

static void body_held_root(void)
{
    forked(body_middle);
    report_and_pause();
}

static void assert_busy(const ProcessIdentity *root)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(action_process_kill(root, TRUE, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_BUSY);
    g_assert_nonnull(strchr(error->message, '\n'));
}

static pid_t parent_of(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return (pid_t)g_ascii_strtoll(strrchr(text, ')') + 4, NULL, 10);
}

static gboolean stands_at_exit(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, __WALL | WNOHANG) == pid) {
        g_assert_true(WIFSTOPPED(status));
        if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_EXIT << 8)))
            return TRUE;
    }
    return FALSE;
}

static void test_kill_held_member(void)
{
    ProcessIdentity all[3] = { { .pidfd = -1 }, { .pidfd = -1 }, { .pidfd = -1 } };
    pid_t root_pid = forked(body_held_root);

    /* In `all`: root, middle, leaf. */
    for (guint i = 0; i < 3; i++) {
        pid_t pid = read_report();
        guint depth = pid == root_pid ? 0 : parent_of(pid) == root_pid ? 1 : 2;

        open_identity(&all[depth], pid);
    }
    if (ptrace(PTRACE_SEIZE, all[2].pid, NULL, PTRACE_O_TRACEEXIT) < 0) {
        g_test_skip("may not trace a process");
        clean_up();
        return;
    }

    do
        assert_busy(&all[0]);
    while (!stands_at_exit(all[2].pid));
    for (guint i = 0; i < 3; i++) {
        assert_busy(&all[0]);
        for (guint k = 0; k < 3; k++)
            g_assert_false(process_identity_has_ended(&all[k]));
    }
    g_assert_cmpint(ptrace(PTRACE_DETACH, all[2].pid, NULL, NULL), ==, 0);
    kill_until_ended(&all[0], &all[1], 2);
    for (guint i = 0; i < 3; i++)
        process_identity_clear(&all[i]);
}

/* One member that may not be killed: the root must live on, and the error says why. */
#define NOBODY 65534

static void body_privileged_child(void)
{
    forked(report_and_pause);
    if (setresuid(NOBODY, NOBODY, NOBODY) < 0)
        _exit(96);
    report_and_pause();
}

static void test_kill_forbidden(void)
{
    g_auto(ProcessIdentity) root = { .pidfd = -1 };
    int status;

    if (geteuid() != 0) {
        g_test_skip("needs to be root to make a process that others may not kill");
        return;
    }
    pid_t root_pid = forked(body_privileged_child);
    read_report();
    read_report();
    open_identity(&root, root_pid);

    pid_t killer = fork();
    if (killer == 0) {
        GError *error = NULL;

        if (setresuid(NOBODY, NOBODY, NOBODY) < 0)
            _exit(96);
        if (action_process_kill(&root, TRUE, &error))
            _exit(1);
        _exit(g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_AUTHORIZED) ? 0 : 2);
    }
    g_assert_cmpint(waitpid(killer, &status, 0), ==, killer);
    g_assert_cmpint(status, ==, 0);
    g_assert_false(process_identity_has_ended(&root));
    kill_until_ended(&root, NULL, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!forked_tree_init())
        return 0;
    g_test_add_func("/action-process/signal-to-process-alone", test_signal_to_process_alone);
    g_test_add_func("/action-process/refusals", test_refusals);
    g_test_add_func("/action-process/own-ancestor", test_own_ancestor);
    g_test_add_func("/action-process/kill-alone", test_kill_alone);
    g_test_add_func("/action-process/kill/single", test_kill_single);
    g_test_add_func("/action-process/kill/levels", test_kill_levels);
    g_test_add_func("/action-process/kill/chain", test_kill_chain);
    g_test_add_func("/action-process/kill/odd-states", test_kill_odd_states);
    g_test_add_func("/action-process/kill/growing", test_kill_growing);
    g_test_add_func("/action-process/kill/replacing-root", test_kill_replacing_root);
    g_test_add_func("/action-process/kill/in-fork", test_kill_in_fork);
    g_test_add_func("/action-process/kill/held-member", test_kill_held_member);
    g_test_add_func("/action-process/kill/forbidden", test_kill_forbidden);
    return g_test_run();
}
