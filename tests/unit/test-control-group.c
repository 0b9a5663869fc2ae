/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Control groups: paths and mounts as text, then real groups with real processes in them.
 */
#include <signal.h>
#include <string.h>

#include "actions/control-group-private.h"
#include "common/bailiff-error.h"
#include "support/forked-tree.h"
#include "support/real-control-group.h"

static void test_paths(void)
{
    static const char *const good[] = { "/a", "/system.slice/a.service", "/a/b/c", "/...", "/a b" };
    static const char *const bad[] = {
        "",   "/",   "a",     "a/b",     "//a",    "/a//b", "/a/",
        "/.", "/..", "/../a", "/a/../b", "/a/./b", "/a\nb", "/a/..",
    };
    g_autofree char *long_path = g_strnfill(5000, 'a');

    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(control_group_path_is_valid(good[i]));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(control_group_path_is_valid(bad[i]));
    g_assert_false(control_group_path_is_valid(NULL));
    long_path[0] = '/';
    g_assert_false(control_group_path_is_valid(long_path));
}

static void assert_mount(const char *mountinfo, const char *expected)
{
    g_autofree char *found = control_group_find_mount(mountinfo);

    g_assert_cmpstr(found, ==, expected);
}

#define V2_LINE(root, point)                                                                       \
    "26 23 0:23 " root " " point " rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"

static void test_mounts(void)
{
    assert_mount("", NULL);
    assert_mount("junk\n\n - cgroup2\n1 2 3 / /x - cgroup2\n", NULL);
    assert_mount("31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
                 "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n",
                 NULL);
    assert_mount(V2_LINE("/", "/sys/fs/cgroup"), "/sys/fs/cgroup");
    assert_mount("41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
                 "/sys/fs/cgroup/unified");
    /* The usual place before one of somebody's own; a part of the hierarchy never. */
    assert_mount(V2_LINE("/", "/mnt/x") V2_LINE("/", "/sys/fs/cgroup") V2_LINE("/", "/mnt/y"),
                 "/sys/fs/cgroup");
    assert_mount(V2_LINE("/part", "/sys/fs/cgroup"), NULL);
    assert_mount(V2_LINE("/", "/mnt/a\\040b"), "/mnt/a b");
}

static ControlGroup *open_group(const char *path)
{
    g_autoptr(GError) error = NULL;
    ControlGroup *group = control_group_open(path, &error);

    g_assert_no_error(error);
    g_assert_nonnull(group);
    return group;
}

static void assert_refused(const char *path, int code)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(control_group_open(path, &error));
    g_assert_error(error, BAILIFF_ERROR, code);
    g_assert_nonnull(strchr(error->message, '\n'));
}

static void test_refusals(void)
{
    g_autofree char *path = NULL;
    g_autofree char *below = NULL;
    g_autofree char *file = NULL;
    pid_t pid;

    if (real_control_group_mount() == NULL)
        return;
    path = real_control_group_make("refused");
    below = real_control_group_make_below(path, "below");
    file = g_strconcat(path, "/cgroup.procs", NULL);

    assert_refused("/", BAILIFF_ERROR_UNSUPPORTED);
    assert_refused("/../../../tmp", BAILIFF_ERROR_UNSUPPORTED);
    assert_refused("", BAILIFF_ERROR_UNSUPPORTED);
    assert_refused("/bailiff-test-no-such-group", BAILIFF_ERROR_NOT_FOUND);
    assert_refused(file, BAILIFF_ERROR_IO_ERROR);

    /* A group that this process is in, at any depth. */
    pid = fork();
    if (pid == 0) {
        real_control_group_add(below, getpid());
        assert_refused(path, BAILIFF_ERROR_UNSUPPORTED);
        assert_refused(below, BAILIFF_ERROR_UNSUPPORTED);
        _exit(42);
    }
    {
        int status;

        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_true(WIFEXITED(status));
        g_assert_cmpint(WEXITSTATUS(status), ==, 42);
    }
    real_control_group_remove(below);
    real_control_group_remove(path);
}

/* A neighbour whose name only begins with the group's. */
static void test_names_are_whole(void)
{
    g_autofree char *path = NULL;
    g_autofree char *longer = NULL;
    g_autoptr(GError) error = NULL;
    gboolean holds = TRUE;
    pid_t pid;

    if (real_control_group_mount() == NULL)
        return;
    path = real_control_group_make("name");
    longer = real_control_group_make("name-longer");
    pid = forked(report_and_pause);
    g_assert_cmpint(read_report(), ==, pid);
    real_control_group_add(longer, pid);

    g_assert_true(control_group_path_holds(path, pid, &holds, &error));
    g_assert_no_error(error);
    g_assert_false(holds);
    g_assert_true(control_group_path_holds(longer, pid, &holds, &error));
    g_assert_true(holds);

    kill(pid, SIGKILL);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    g_assert_false(control_group_path_holds(longer, pid, &holds, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);
    real_control_group_remove(longer);
    real_control_group_remove(path);
}

typedef struct Seen {
    guint n;
} Seen;

static void on_changed(gpointer user_data)
{
    Seen *seen = user_data;

    seen->n++;
}

static void wait_until_empty(ControlGroup *group)
{
    while (control_group_read(group).populated)
        g_main_context_iteration(NULL, TRUE);
}

static void test_watch(void)
{
    g_autofree char *path = NULL;
    g_autofree char *below = NULL;
    g_autoptr(ControlGroup) group = NULL;
    Seen seen = { 0 };
    pid_t pid;
    guint n;

    if (real_control_group_mount() == NULL)
        return;
    path = real_control_group_make("watch");
    below = real_control_group_make_below(path, "below");
    group = open_group(path);
    g_assert_cmpstr(control_group_get_path(group), ==, path);
    g_assert_false(control_group_read(group).populated);
    g_assert_false(control_group_read(group).gone);
    control_group_watch(group, on_changed, &seen);

    pid = forked(report_and_pause);
    g_assert_cmpint(read_report(), ==, pid);
    real_control_group_add(below, pid);
    while (!control_group_read(group).populated)
        g_main_context_iteration(NULL, TRUE);
    n = seen.n;
    kill(pid, SIGKILL);
    while (seen.n == n || control_group_read(group).populated)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);

    /* Removed, and made again under its name: what was opened stays gone, and is silent. */
    real_control_group_remove(below);
    real_control_group_remove(path);
    g_assert_true(control_group_read(group).gone);
    g_assert_false(control_group_read(group).populated);
    g_clear_pointer(&path, g_free);
    path = real_control_group_make("watch");
    g_assert_true(control_group_read(group).gone);
    g_assert_true(control_group_kill(group, NULL));
    for (guint i = 0; i < 100; i++)
        g_main_context_iteration(NULL, FALSE);
    n = seen.n;
    for (guint i = 0; i < 100; i++)
        g_main_context_iteration(NULL, FALSE);
    g_assert_cmpuint(seen.n, ==, n);
    real_control_group_remove(path);
}

static void body_in_group(void)
{
    signal(SIGUSR1, SIG_IGN);
    report_and_pause();
}

/* Goes on making children, each of which makes more: only the kernel gets them all at once. */
static void body_forks_for_ever(void)
{
    report_pid(getpid());
    for (;;) {
        pid_t pid = fork();

        if (pid == 0) {
            alarm(60);
            usleep(2000);
            if (fork() == 0)
                alarm(60);
            usleep(2000);
            _exit(0);
        }
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        usleep(500);
    }
}

static void kill_until_empty(ControlGroup *group)
{
    for (guint i = 0; control_group_read(group).populated; i++) {
        g_autoptr(GError) error = NULL;

        g_assert_cmpuint(i, <, 100000);
        if (!control_group_kill(group, &error))
            g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_BUSY);
        g_main_context_iteration(NULL, FALSE);
    }
}

/* `without_file`: as with a kernel that has no cgroup.kill. */
static void kill_all(gconstpointer without_file)
{
    g_autofree char *path = NULL;
    g_autofree char *below = NULL;
    g_autofree char *deep = NULL;
    g_autofree char *other = NULL;
    g_autoptr(ControlGroup) group = NULL;
    g_auto(ProcessIdentity) spared = { .pidfd = -1 };
    pid_t spared_pid;

    if (real_control_group_mount() == NULL)
        return;
    path = real_control_group_make("kill");
    other = real_control_group_make("kill-other");
    below = real_control_group_make_below(path, "below");
    deep = real_control_group_make_below(below, "deep");
    group = open_group(path);
    g_assert_cmpint(control_group_get_kill_fd(group), >=, 0);
    if (without_file != NULL) {
        close(group->kill_fd);
        group->kill_fd = -1;
    }

    spared_pid = real_control_group_fork(other, body_in_group);
    open_identity(&spared, spared_pid);
    real_control_group_fork(path, body_in_group);
    real_control_group_fork(below, body_in_group);
    real_control_group_fork(deep, body_forks_for_ever);
    kill_until_empty(group);
    g_assert_false(process_identity_has_ended(&spared));

    kill(spared_pid, SIGKILL);
    clean_up();
    assert_nobody_left();
    real_control_group_remove(other);
    real_control_group_remove(deep);
    real_control_group_remove(below);
    real_control_group_remove(path);
}

static void wait_until_frozen(ControlGroup *group)
{
    while (!control_group_read(group).frozen)
        g_main_context_iteration(NULL, TRUE);
}

static void kill_frozen(gconstpointer without_file)
{
    g_autofree char *path = NULL;
    g_autoptr(ControlGroup) group = NULL;
    Seen seen = { 0 };

    if (real_control_group_mount() == NULL)
        return;
    path = real_control_group_make("frozen");
    group = open_group(path);
    control_group_watch(group, on_changed, &seen);
    if (without_file != NULL) {
        close(group->kill_fd);
        group->kill_fd = -1;
    }
    real_control_group_fork(path, body_in_group);
    g_assert_false(control_group_read(group).frozen);
    real_control_group_write(path, "cgroup.freeze", "1");
    wait_until_frozen(group);
    g_assert_true(control_group_read(group).populated);
    g_assert_true(control_group_kill(group, NULL));
    wait_until_empty(group);
    clean_up();
    real_control_group_remove(path);
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

static void test_signal(void)
{
    g_autofree char *path = NULL;
    g_autofree char *below = NULL;
    g_autoptr(ControlGroup) group = NULL;
    g_autoptr(GError) error = NULL;
    pid_t one, two, outside, got[2];

    if (real_control_group_mount() == NULL)
        return;
    path = real_control_group_make("signal");
    below = real_control_group_make_below(path, "below");
    group = open_group(path);
    outside = forked(body_reports_signals);
    g_assert_cmpint(read_report(), ==, outside);
    one = real_control_group_fork(path, body_reports_signals);
    two = real_control_group_fork(below, body_reports_signals);

    g_assert_true(control_group_signal(group, SIGUSR1, &error));
    g_assert_no_error(error);
    got[0] = read_report();
    got[1] = read_report();
    g_assert_true((got[0] == one && got[1] == two) || (got[0] == two && got[1] == one));
    /* Each had it once, and nobody else had it: what is reported next is of the next signal. */
    kill(outside, SIGUSR1);
    g_assert_cmpint(read_report(), ==, outside);

    g_assert_false(control_group_signal(group, 0, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    g_assert_false(control_group_signal(group, 64, NULL));

    g_assert_true(control_group_signal(group, SIGTERM, &error));
    for (guint i = 0; i < 2; i++)
        g_assert_cmpint(waitpid(got[i], NULL, 0), ==, got[i]);
    g_assert_false(control_group_read(group).populated);
    kill(outside, SIGKILL);
    clean_up();
    /* Nobody is left: that is no error. */
    g_assert_true(control_group_signal(group, SIGTERM, &error));
    g_assert_no_error(error);
    real_control_group_remove(below);
    real_control_group_remove(path);
    g_assert_true(control_group_signal(group, SIGTERM, &error));
    g_assert_no_error(error);
}

/* The daemon was moved into the group after it was opened: neither it nor anybody is signalled. */
static void test_spares_itself(void)
{
    g_autofree char *path = NULL;
    g_autoptr(ControlGroup) group = NULL;
    int status;
    pid_t pid;

    if (real_control_group_mount() == NULL)
        return;
    path = real_control_group_make("spare");
    group = open_group(path);
    pid = fork();
    if (pid == 0) {
        g_autoptr(GError) error = NULL;

        real_control_group_add(path, getpid());
        g_assert_false(control_group_kill(group, &error));
        g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_UNSUPPORTED);
        g_assert_false(control_group_signal(group, SIGTERM, NULL));
        _exit(42);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 42);
    real_control_group_remove(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!forked_tree_init())
        return 0;
    g_test_add_func("/control-group/paths", test_paths);
    g_test_add_func("/control-group/mounts", test_mounts);
    g_test_add_func("/control-group/refusals", test_refusals);
    g_test_add_func("/control-group/names-are-whole", test_names_are_whole);
    g_test_add_func("/control-group/watch", test_watch);
    g_test_add_data_func("/control-group/kill", NULL, kill_all);
    g_test_add_data_func("/control-group/kill-one-by-one", "", kill_all);
    g_test_add_data_func("/control-group/kill-frozen", NULL, kill_frozen);
    g_test_add_data_func("/control-group/kill-frozen-one-by-one", "", kill_frozen);
    g_test_add_func("/control-group/signal", test_signal);
    g_test_add_func("/control-group/spares-itself", test_spares_itself);
    return g_test_run();
}
