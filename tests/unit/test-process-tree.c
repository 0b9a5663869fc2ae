/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding descendants, with real processes, and reading what hostile names do to /proc/PID/stat.
 */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "common/process-tree.h"
#include "common/bailiff-error.h"
#include "support/forked-tree.h"

#define REST " 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 4711 1 2 3 4 5\n"

static const struct {
    const char *text;
    pid_t parent;
    char state;
} good_stats[] = {
    { "17 (sh) S 5" REST, 5, 'S' },
    { "17 (a b c) R 5" REST, 5, 'R' },
    { "17 () S 5" REST, 5, 'S' },
    { "17 ()) S 5" REST, 5, 'S' },
    { "17 (x) R 1 1 1 () S 5" REST, 5, 'S' },
    { "17 (((((() Z 0" REST, 0, 'Z' },
    { "17 (\n) R 1\n17 (y) T 2147483647" REST, 2147483647, 'T' },
};
static const char *const bad_stats[] = {
    "",
    "17",
    "17 ",
    "17 (sh",
    "17 (sh)",
    "17 (sh) ",
    "17 (sh) S",
    "17 (sh) S ",
    "17 (sh) S 5",
    "17 (sh) SS 5" REST,
    "17 (sh) 5" REST,
    "17 sh) S 5" REST,
    "17 (sh)S 5" REST,
    "(sh) S 5" REST,
    "0 (sh) S 5" REST,
    "-1 (sh) S 5" REST,
    "x (sh) S 5" REST,
    "2147483648 (sh) S 5" REST,
    "17 (sh) S -5" REST,
    "17 (sh) S 5x" REST,
    "17 (sh) S 2147483648" REST,
    "17 (sh) S 18446744073709551617" REST,
    "17 (sh) S 5 1 1 0 -1 -1 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 2\n",
    "17 (sh) S 5 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 -1 0 4711 1 2\n",
    "17 (sh) S 5 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0\n",
    "17 (sh) S 5 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 -4711 1 2\n",
    "17 (sh) S 5 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 18446744073709551616 1 2\n",
};

static void test_parse(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(good_stats); i++) {
        ProcessStat stat;

        g_assert_true(process_stat_parse(&stat, good_stats[i].text));
        g_assert_cmpint(stat.pid, ==, 17);
        g_assert_cmpint(stat.parent, ==, good_stats[i].parent);
        g_assert_cmpint(stat.state, ==, good_stats[i].state);
        g_assert_cmpuint(stat.flags, ==, 4194560);
        g_assert_cmpuint(stat.threads, ==, 3);
        g_assert_cmpuint(stat.start_time, ==, 4711);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad_stats); i++) {
        g_autofree char *exact =
            g_strdup(bad_stats[i]); /* so that a memory checker sees an overrun */
        ProcessStat stat = { .pid = 3 };

        g_test_message("%s", bad_stats[i]);
        g_assert_false(process_stat_parse(&stat, exact));
        g_assert_cmpint(stat.pid, ==, 3);
    }
}

static ProcessTree *scan(const ProcessIdentity *root)
{
    g_autoptr(GError) error = NULL;
    ProcessTree *tree = process_tree_scan(root, &error);

    g_assert_no_error(error);
    return tree;
}

static const ProcessTreeMember *member_of(const ProcessTree *tree, pid_t pid)
{
    for (guint i = 0; i < tree->members->len; i++) {
        const ProcessTreeMember *member = &g_array_index(tree->members, ProcessTreeMember, i);

        if (member->identity.pid == pid)
            return member;
    }
    return NULL;
}

static pid_t parent_of(const ProcessTree *tree, pid_t pid, pid_t root)
{
    const ProcessTreeMember *member = member_of(tree, pid);

    g_assert_nonnull(member);
    if (member->parent == PROCESS_TREE_ROOT)
        return root;
    return g_array_index(tree->members, ProcessTreeMember, member->parent).identity.pid;
}

/* root - a - b - c, root - d; b and c have names that lie. Reports come from the bottom up. */
static void body_c(void)
{
    prctl(PR_SET_NAME, "c) Z 1 1 (");
    report_and_pause();
}

static void body_b(void)
{
    prctl(PR_SET_NAME, "b\n) ( R");
    forked(body_c);
    report_and_pause();
}

static void body_a(void)
{
    forked(body_b);
    report_and_pause();
}

static void body_root(void)
{
    forked(body_a);
    forked(report_and_pause);
    report_and_pause();
}

static void test_descendants(void)
{
    g_auto(ProcessIdentity) root = { .pidfd = -1 };
    g_auto(ProcessIdentity) stranger = { .pidfd = -1 };
    g_autoptr(ProcessTree) tree = NULL;
    g_autoptr(ProcessTree) none = NULL;
    pid_t root_pid = forked(body_root);
    guint depths[5] = { 0 };

    for (guint i = 0; i < 5; i++)
        read_report();
    pid_t stranger_pid = forked(report_and_pause);
    read_report();
    open_identity(&root, root_pid);
    open_identity(&stranger, stranger_pid);

    tree = scan(&root);
    g_assert_true(tree->settled);
    g_assert_cmpuint(tree->members->len, ==, 4);
    g_assert_null(member_of(tree, root_pid));
    g_assert_null(member_of(tree, stranger_pid));
    for (guint i = 0; i < 4; i++) {
        const ProcessTreeMember *member = &g_array_index(tree->members, ProcessTreeMember, i);
        guint depth = 1;

        g_assert_cmpint(member->parent, <, (int)i);
        for (pid_t p = member->identity.pid; (p = parent_of(tree, p, root_pid)) != root_pid;)
            depth++;
        depths[depth]++;
    }
    g_assert_cmpuint(depths[1], ==, 2);
    g_assert_cmpuint(depths[2], ==, 1);
    g_assert_cmpuint(depths[3], ==, 1);

    none = scan(&stranger);
    g_assert_cmpuint(none->members->len, ==, 0);
    g_assert_true(none->settled);
    clean_up();
}

static void body_exits(void)
{
    _exit(0);
}

static void body_zombie_parent(void)
{
    siginfo_t info;
    pid_t zombie = forked(body_exits);

    waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT);
    report_and_pause();
}

static void test_zombies(void)
{
    g_auto(ProcessIdentity) root = { .pidfd = -1 };
    g_autoptr(ProcessTree) tree = NULL;

    forked(body_zombie_parent);
    open_identity(&root, read_report());
    tree = scan(&root);
    g_assert_cmpuint(tree->members->len, ==, 0);
    g_assert_true(tree->settled);
    clean_up();
}

static void body_dead_leader_parent(void)
{
    forked(body_dead_leader);
    report_and_pause();
}

/* A Z whose other threads live is a member. */
static void test_dead_leader(void)
{
    g_auto(ProcessIdentity) root = { .pidfd = -1 };
    g_autoptr(ProcessTree) tree = NULL;
    pid_t root_pid = forked(body_dead_leader_parent);

    read_report();
    read_report();
    open_identity(&root, root_pid);
    tree = scan(&root);
    g_assert_cmpuint(tree->members->len, ==, 1);
    clean_up();
}

static gboolean open_member(const ProcessStat *seen, const ProcessIdentity *parent)
{
    g_auto(ProcessIdentity) found = { .pidfd = -1 };
    g_autoptr(GError) error = NULL;
    int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean opened = process_tree_open_member(&found, seen, parent, proc_fd, &error);

    close(proc_fd);
    g_assert_no_error(error);
    g_assert_cmpint(opened, ==, found.pidfd >= 0);
    if (opened)
        g_assert_cmpint(found.pid, ==, seen->pid);
    return opened;
}

static void body_one_child(void)
{
    forked(report_and_pause);
    report_and_pause();
}

static void test_no_stranger(void)
{
    g_auto(ProcessIdentity) root = { .pidfd = -1 };
    g_auto(ProcessIdentity) child = { .pidfd = -1 };
    g_auto(ProcessIdentity) stranger = { .pidfd = -1 };
    pid_t root_pid = forked(body_one_child);
    pid_t one = read_report();
    pid_t two = read_report();
    pid_t child_pid = one == root_pid ? two : one;

    forked(report_and_pause);
    open_identity(&stranger, read_report());
    open_identity(&root, root_pid);
    open_identity(&child, child_pid);

    ProcessStat seen = {
        .pid = child_pid, .parent = root_pid, .state = 'S', .start_time = child.start_time
    };
    g_assert_true(open_member(&seen, &root));

    /* Another parent than was believed. */
    g_assert_false(open_member(&seen, &stranger));
    /* A number that another process has by now, be it a stranger or a child too. */
    ProcessStat reused = seen;
    reused.start_time++;
    g_assert_false(open_member(&reused, &root));
    ProcessStat other = {
        .pid = stranger.pid, .parent = root_pid, .state = 'S', .start_time = stranger.start_time
    };
    g_assert_false(open_member(&other, &root));

    /* The parent's number was reused: this pidfd is of one that has ended. */
    g_auto(ProcessIdentity) old_parent = { .pidfd = -1 };
    pid_t ended = forked(report_and_pause);
    open_identity(&old_parent, read_report());
    kill(ended, SIGKILL);
    wait_for_end(&old_parent);
    old_parent.pid = root_pid;
    g_assert_false(open_member(&seen, &old_parent));

    /* It has ended: a zombie first, then nothing at all. */
    kill(child_pid, SIGKILL);
    wait_for_end(&child);
    g_assert_false(open_member(&seen, &root));
    kill(root_pid, SIGKILL);
    wait_for_end(&root);
    clean_up();
    g_assert_false(open_member(&seen, &root));
}

/* Makes and reaps children as fast as it can. */
static void body_churn(void)
{
    report_pid(getpid());
    for (;;)
        waitpid(forked(body_exits), NULL, 0);
}

static void body_churn_root(void)
{
    forked(report_and_pause);
    forked(body_churn);
    forked(report_and_pause);
    report_and_pause();
}

static void test_vanishing(void)
{
    g_auto(ProcessIdentity) root = { .pidfd = -1 };
    pid_t root_pid = forked(body_churn_root);
    pid_t pids[4];

    for (guint i = 0; i < 4; i++)
        pids[i] = read_report();
    open_identity(&root, root_pid);
    for (guint round = 0; round < 200; round++) {
        g_autoptr(ProcessTree) tree = scan(&root);

        g_assert_cmpuint(tree->members->len, >=, 3);
        g_assert_cmpuint(tree->members->len, <=, 4);
        for (guint i = 0; i < 4; i++)
            if (pids[i] != root_pid)
                g_assert_nonnull(member_of(tree, pids[i]));
    }
    clean_up();
}

static void test_bad_roots(void)
{
    g_auto(ProcessIdentity) root = { .pidfd = -1 };
    g_auto(ProcessIdentity) init = { .pidfd = -1 };
    g_auto(ProcessIdentity) self = { .pidfd = -1 };
    g_autoptr(GError) error = NULL;
    int status;

    forked(report_and_pause);
    open_identity(&root, read_report());
    kill(root.pid, SIGKILL);
    wait_for_end(&root);
    g_assert_null(process_tree_scan(&root, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);
    g_clear_error(&error);
    clean_up();

    open_identity(&init, 1);
    g_assert_null(process_tree_scan(&init, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);

    /* A tree that holds the one who asks. */
    open_identity(&self, getpid());
    pid_t child = fork();
    if (child == 0) {
        ProcessTree *tree = process_tree_scan(&self, &error);

        _exit(tree == NULL && g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT)
                  ? 0
                  : 1);
    }
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
}

static void body_many(void)
{
    for (guint i = 0; i < PROCESS_TREE_MAX_MEMBERS; i++)
        if (forked(report_and_pause) < 0)
            report_pid(-1);
    report_and_pause();
}

static void body_too_many(void)
{
    forked(report_and_pause);
    body_many();
}

static void test_limit(void)
{
    struct rlimit limit;
    rlim_t before;

    getrlimit(RLIMIT_NOFILE, &limit);
    before = limit.rlim_cur;
    limit.rlim_cur = MIN(limit.rlim_max, 4096);
    if (limit.rlim_cur < PROCESS_TREE_MAX_MEMBERS + 64 || setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        g_test_skip("may not open 1100 descriptors");
        return;
    }

    for (guint extra = 0; extra < 2; extra++) {
        g_auto(ProcessIdentity) root = { .pidfd = -1 };
        g_autoptr(ProcessTree) tree = NULL;
        g_autoptr(GError) error = NULL;
        pid_t root_pid = forked(extra == 0 ? body_many : body_too_many);

        for (guint i = 0; i < PROCESS_TREE_MAX_MEMBERS + 1 + extra; i++)
            if (read_report() < 0) {
                clean_up();
                g_test_skip("may not make 1100 processes");
                return;
            }
        open_identity(&root, root_pid);
        tree = process_tree_scan(&root, &error);
        if (extra == 0) {
            g_assert_no_error(error);
            g_assert_cmpuint(tree->members->len, ==, PROCESS_TREE_MAX_MEMBERS);
        } else {
            g_assert_null(tree);
            g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_UNSUPPORTED);
        }
        clean_up();
    }
    limit.rlim_cur = before;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* A kernel that does not list children. */
static void test_by_scan(void)
{
    process_tree_may_list = FALSE;
    test_descendants();
    test_zombies();
    test_dead_leader();
    test_vanishing();
    process_tree_may_list = TRUE;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!forked_tree_init())
        return 0;
    g_test_add_func("/process-tree/parse", test_parse);
    g_test_add_func("/process-tree/descendants", test_descendants);
    g_test_add_func("/process-tree/zombies", test_zombies);
    g_test_add_func("/process-tree/dead-leader", test_dead_leader);
    g_test_add_func("/process-tree/no-stranger", test_no_stranger);
    g_test_add_func("/process-tree/vanishing", test_vanishing);
    g_test_add_func("/process-tree/by-scan", test_by_scan);
    g_test_add_func("/process-tree/bad-roots", test_bad_roots);
    g_test_add_func("/process-tree/limit", test_limit);
    return g_test_run();
}
