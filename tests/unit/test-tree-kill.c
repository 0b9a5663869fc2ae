/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last kill of trees, with real processes: nobody of a tree survives, however it grows.
 */
#include <sys/resource.h>

#include "actions/tree-kill.h"
#include "support/guard-victim.h"

/* A tree that goes on making processes. */
static void body_forks_on(void)
{
    pid_t last = 0;

    for (guint i = 0; i < 300; i++) {
        if (last > 0 && i % 2 == 0)
            waitpid(last, NULL, WNOHANG);
        last = fork();
        if (last == 0) {
            alarm(60);
            if (i % 8 != 0)
                _exit(0);
            body_pause();
        }
        if (i == 5)
            report_pid(getpid());
    }
    body_pause();
}

static void body_root(void)
{
    forked(body_forks_on);
    forked(body_forks_on);
    body_pause();
}

static void test_tree(void)
{
    g_autoptr(KillGuard) guard = guard_new();
    guint64 line = add_line(guard);

    kill_guard_set_line(guard, line, 1);
    for (guint round = 0; round < 40; round++) {
        Victim stranger, root;
        int status;

        victim_start(&stranger, body_pause);
        victim_start(&root, body_root);
        read_report();
        read_report();
        root.target.tree = TRUE;
        guint64 entry = add(guard, line, &root.target);
        wait_for_end(&root.process);
        wait_for_count(guard, round + 1);
        kill_guard_remove(guard, entry);
        g_assert_true(victim_lives(&stranger));
        victim_end(&stranger);
        /* Who lost a parent comes to this process. A survivor would end by its alarm. */
        while (waitpid(-1, &status, 0) > 0)
            g_assert_true(WIFEXITED(status) || WTERMSIG(status) == SIGKILL);
        process_identity_clear(&root.process);
    }
}

/* The walk itself, without the guard's thread. */

static guint n_sends, sends_max;

static gboolean send_signal(int pidfd, int signal_number, gpointer user_data)
{
    if (n_sends++ >= sends_max)
        return FALSE;
    (void)syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0);
    return TRUE;
}

static TreeKill *tree_new(gboolean listed)
{
    TreeKill *tree = g_new0(TreeKill, 1);

    g_assert_true(tree_kill_init(tree));
    if (listed)
        g_assert_true(tree->children_are_listed);
    tree->children_are_listed = listed;
    n_sends = 0;
    sends_max = G_MAXUINT;
    return tree;
}

static void tree_free(TreeKill *tree)
{
    tree_kill_done(tree);
    g_free(tree);
}

static TreeKillResult pass(TreeKill *tree, const ProcessIdentity *root, gboolean at_all_costs)
{
    return tree_kill_pass(tree, root->pidfd, root->pid, at_all_costs, send_signal, NULL);
}

static void kill_tree(ForkedBody body, guint n_reports, gboolean listed)
{
    TreeKill *tree = tree_new(listed);
    g_auto(ProcessIdentity) root = { .pidfd = -1 };
    TreeKillResult result;
    int status;

    open_identity(&root, forked(body));
    for (guint i = 0; i < n_reports; i++)
        read_report();
    while ((result = pass(tree, &root, FALSE)) == TREE_KILL_UNFINISHED)
        g_assert_false(process_identity_has_ended(&root));
    g_assert_cmpint(result, ==, TREE_KILL_KILLED);
    while (waitpid(-1, &status, 0) > 0)
        g_assert_true(WIFEXITED(status) || WTERMSIG(status) == SIGKILL);
    g_assert_cmpint(pass(tree, &root, FALSE), ==, TREE_KILL_NOTHING);
    tree_free(tree);
}

static void body_level_2(void)
{
    for (guint i = 0; i < 3; i++)
        forked(report_and_pause);
    report_and_pause();
}

static void body_level_1(void)
{
    for (guint i = 0; i < 3; i++)
        forked(body_level_2);
    forked(body_dead_leader);
    report_and_pause();
}

static void body_wide(void)
{
    for (guint i = 0; i < 700; i++)
        forked(report_and_pause);
    report_and_pause();
}

static void body_chain(void)
{
    static guint depth;

    if (++depth < 60)
        forked(body_chain);
    report_and_pause();
}

/* Children of a thread that is not the first one. */
static void *thread_with_child(void *unused)
{
    forked(report_and_pause);
    report_and_pause();
    return unused;
}

static void body_threads(void)
{
    pthread_t thread;

    for (guint i = 0; i < 4; i++)
        if (pthread_create(&thread, NULL, thread_with_child, NULL) != 0)
            _exit(98);
    report_and_pause();
}

static void test_shapes(void)
{
    for (guint listed = 0; listed < 2; listed++) {
        kill_tree(report_and_pause, 1, (gboolean)listed);
        kill_tree(body_level_1, 1 + 1 + 3 + 9, (gboolean)listed);
        kill_tree(body_wide, 701, (gboolean)listed);
        kill_tree(body_chain, 60, (gboolean)listed);
        kill_tree(body_threads, 9, (gboolean)listed);
        kill_tree(body_root, 2, (gboolean)listed);
    }
}

static void body_slow_root(void)
{
    forked(body_forks_slowly);
    body_pause();
}

static void test_in_fork(void)
{
    for (guint i = 0; i < 16; i++)
        kill_tree(body_slow_root, 1, TRUE);
}

/* It is removed in the midst of the walk: after no more than so many signals. */
static void test_no_more(void)
{
    TreeKill *tree = tree_new(TRUE);

    for (guint n = 0; n < 5; n++) {
        g_auto(ProcessIdentity) root = { .pidfd = -1 };

        open_identity(&root, forked(body_level_2));
        for (guint i = 0; i < 4; i++)
            read_report();
        n_sends = 0;
        sends_max = n;
        g_assert_cmpint(pass(tree, &root, TRUE), ==, TREE_KILL_NOTHING);
        g_assert_cmpuint(n_sends, ==, n + 1);
        g_assert_false(process_identity_has_ended(&root));
        clean_up();
    }
    tree_free(tree);
}

/* One that runs in the kernel for long, or whatever keeps it from coming to rest: those known are
 * killed in the end. Here nobody ever stops, since the stops are not sent. */
static gboolean send_kills_only(int pidfd, int signal_number, gpointer user_data)
{
    return signal_number != SIGKILL || send_signal(pidfd, signal_number, user_data);
}

static gboolean refuse_kills(int pidfd, int signal_number, gpointer user_data)
{
    return signal_number != SIGKILL;
}

static void body_runs(void)
{
    report_pid(getpid());
    for (;;)
        getppid();
}

static void body_runner(void)
{
    forked(body_runs);
    report_and_pause();
}

static void test_at_all_costs(void)
{
    TreeKill *tree = tree_new(TRUE);
    g_auto(ProcessIdentity) root = { .pidfd = -1 };

    open_identity(&root, forked(body_runner));
    read_report();
    read_report();
    for (guint i = 0; i < 20; i++)
        g_assert_cmpint(tree_kill_pass(tree, root.pidfd, root.pid, FALSE, send_kills_only, NULL),
                        ==, TREE_KILL_UNFINISHED);
    g_assert_cmpuint(n_sends, ==, 0);
    g_assert_cmpint(tree_kill_pass(tree, root.pidfd, root.pid, TRUE, send_kills_only, NULL), ==,
                    TREE_KILL_KILLED);
    g_assert_cmpuint(n_sends, ==, 2);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    tree_free(tree);
}

/* Descriptors have run out: what is kept in reserve suffices. */
static void test_no_descriptors(void)
{
    TreeKill *tree = tree_new(TRUE);
    g_auto(ProcessIdentity) root = { .pidfd = -1 };
    struct rlimit before, none;
    TreeKillResult result;
    int status, last;

    open_identity(&root, forked(body_level_1));
    for (guint i = 0; i < 14; i++)
        read_report();
    getrlimit(RLIMIT_NOFILE, &before);
    last = open("/dev/null", O_RDONLY | O_CLOEXEC);
    none = (struct rlimit){ .rlim_cur = (rlim_t)last, .rlim_max = before.rlim_max };
    close(last);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
    g_assert_cmpint(open("/dev/null", O_RDONLY | O_CLOEXEC), ==, -1);
    do
        result = pass(tree, &root, FALSE);
    while (result == TREE_KILL_UNFINISHED);
    setrlimit(RLIMIT_NOFILE, &before);
    g_assert_cmpint(result, ==, TREE_KILL_KILLED);
    while (waitpid(-1, &status, 0) > 0)
        g_assert_true(WTERMSIG(status) == SIGKILL);
    tree_free(tree);
}

/* The daemon is passed over, though it is a descendant; a sibling of it is not. */
static void test_spares_daemon(void)
{
    pid_t top = fork();
    int status;

    if (top == 0) {
        g_auto(ProcessIdentity) self = { .pidfd = -1 };
        TreeKill *tree = tree_new(TRUE);
        pid_t root = getpid(), daemon;

        open_identity(&self, root);
        forked(report_and_pause);
        read_report();
        daemon = fork();
        if (daemon == 0) {
            forked(report_and_pause);
            read_report();
            /* Root and sibling are found and not signalled: this process would wait for ever. */
            gboolean passed = tree_kill_pass(tree, self.pidfd, root, TRUE, refuse_kills, NULL) ==
                              TREE_KILL_NOTHING;
            _exit(passed && tree->n_members == 2 ? 0 : 1);
        }
        if (waitpid(daemon, &status, 0) != daemon)
            _exit(2);
        _exit(status == 0 ? 0 : 3);
    }
    g_assert_cmpint(waitpid(top, &status, 0), ==, top);
    g_assert_cmpint(status, ==, 0);
    clean_up();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!forked_tree_init())
        return 0;
    g_test_add_func("/tree-kill/forks-on", test_tree);
    g_test_add_func("/tree-kill/shapes", test_shapes);
    g_test_add_func("/tree-kill/in-fork", test_in_fork);
    g_test_add_func("/tree-kill/no-more", test_no_more);
    g_test_add_func("/tree-kill/at-all-costs", test_at_all_costs);
    g_test_add_func("/tree-kill/no-descriptors", test_no_descriptors);
    g_test_add_func("/tree-kill/spares-daemon", test_spares_daemon);
    return g_test_run();
}
