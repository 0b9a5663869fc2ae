/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs started by a real launcher process: what they get, how they end, what is left of them.
 */
#include <sys/stat.h>

#include "actions/launcher-message.h"
#include "support/launcher-fixture.h"

#define NOBODY 65534

/* What a program gets. */

static void test_arguments_and_environment(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "show",
                                         "for word; do echo \"<$word>\"; done; "
                                         "tr '\\0' '\\n' </proc/$$/environ >&2");
    const char *const argv[] = { path, "a b", "", "c\"'$d", "ü", NULL };
    const char *const env[] = { "PATH=/usr/bin:/bin", "EMPTY=", "BLANK=x y", NULL };
    Run run;

    begin_full(fixture, &run, argv, env, geteuid(), 60 * USEC_PER_SECOND, NULL);
    wait_until(is_done, &run);
    g_assert_no_error(run.error);
    assert_log(7, "<a b>", "<>", "<c\"'$d>", "<ü>", "PATH=/usr/bin:/bin", "EMPTY=", "BLANK=x y");
}

static void test_surroundings(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(
        fixture, "show",
        "pwd; umask; readlink /proc/$$/fd/0; ulimit -Sn; "
        "read pid name state parent group session rest </proc/$$/stat; "
        "[ $pid = $group -a $pid = $session ] && echo leader; "
        "grep -E '^Sig(Blk|Ign|Cgt)' /proc/$$/status | tr '\\t' ' '; cat /proc/$$/oom_score_adj; "
        "grep -E '^Max (nice|realtime) priority' /proc/$$/limits | tr -s ' '; cat");

    assert_works(fixture, path);
    /* The shell has SIGCHLD caught, which is line 7. */
    g_assert_cmpstr(g_ptr_array_index(log_lines, 0), ==, "/");
    g_assert_cmpstr(g_ptr_array_index(log_lines, 1), ==, "0022");
    g_assert_cmpstr(g_ptr_array_index(log_lines, 2), ==, "/dev/null");
    g_assert_cmpstr(g_ptr_array_index(log_lines, 3), ==, "1024");
    g_assert_cmpstr(g_ptr_array_index(log_lines, 4), ==, "leader");
    g_assert_cmpstr(g_ptr_array_index(log_lines, 5), ==, "SigBlk: 0000000000000000");
    /* But for two that are the C library's own: posix_spawn() ignores them. */
    g_assert_cmpuint(g_ascii_strtoull((char *)g_ptr_array_index(log_lines, 6) + 8, NULL, 16) &
                         ~G_GUINT64_CONSTANT(0x180000000),
                     ==, 0);
    g_assert_cmpstr(g_ptr_array_index(log_lines, 8), ==, "0");
    g_assert_cmpstr(g_ptr_array_index(log_lines, 9), ==, "Max nice priority 0 0 ");
    g_assert_cmpstr(g_ptr_array_index(log_lines, 10), ==, "Max realtime priority 0 0 ");
    g_assert_cmpuint(log_lines->len, ==, 11);
}

static void test_descriptors(Fixture *fixture, gconstpointer unused)
{
    const char *const argv[] = { "/bin/ls", "/proc/self/fd", NULL };
    const char *const env[] = { NULL };
    Run run;

    begin_full(fixture, &run, argv, env, geteuid(), 60 * USEC_PER_SECOND, NULL);
    wait_until(is_done, &run);
    g_assert_no_error(run.error);
    /* 3 is the directory that it reads. */
    assert_log(4, "0", "1", "2", "3");
}

static void show_user_as(Fixture *fixture, uid_t uid)
{
    g_autofree char *path =
        write_script(fixture, "user", "grep -E '^(Uid|Gid|Groups|CapEff):' /proc/$$/status");
    const char *const argv[] = { path, NULL };
    const char *const env[] = { "PATH=/usr/bin:/bin", NULL };
    Run run;

    begin_full(fixture, &run, argv, env, uid, 60 * USEC_PER_SECOND, NULL);
    wait_until(is_done, &run);
    g_assert_no_error(run.error);
}

static void test_another_user(Fixture *fixture, gconstpointer unused)
{
    if (geteuid() != 0) {
        g_test_skip("only root can become another user");
        return;
    }
    show_user_as(fixture, NOBODY);
    assert_log(4, "Uid: 65534 65534 65534 65534", "Gid: 65534 65534 65534 65534", "Groups: 65534 ",
               "CapEff: 0000000000000000");
    /* Of whom nothing is known: none of root's groups stay. */
    g_ptr_array_set_size(log_lines, 0);
    show_user_as(fixture, 61234);
    assert_log(4, "Uid: 61234 61234 61234 61234", "Gid: 65534 65534 65534 65534",
               "Groups:  ", "CapEff: 0000000000000000");
}

static void test_no_right_to_be_another_user(Fixture *fixture, gconstpointer unused)
{
    const char *const argv[] = { "/bin/true", NULL };
    const char *const env[] = { NULL };
    Run run;

    /* Which to setresuid() means no change. */
    begin_full(fixture, &run, argv, env, (uid_t)-1, 60 * USEC_PER_SECOND, NULL);
    wait_until(is_done, &run);
    assert_failed(&run, BAILIFF_ERROR_INVALID_ARGUMENT, "/bin/true");
    if (geteuid() == 0) {
        g_test_skip("root may be every user");
        return;
    }
    begin_full(fixture, &run, argv, env, 0, 60 * USEC_PER_SECOND, NULL);
    wait_until(is_done, &run);
    assert_failed(&run, BAILIFF_ERROR_NOT_AUTHORIZED, "user 0");
}

/* How it ends. */

static void test_status_and_signal(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *good = write_script(fixture, "good", "exit 0");
    g_autofree char *bad = write_script(fixture, "bad", "exit 3");
    g_autofree char *not_started = write_script(fixture, "127", "exit 127");
    g_autofree char *killed = write_script(fixture, "killed", "kill -USR1 $$");

    assert_works(fixture, good);
    assert_fails(fixture, bad, BAILIFF_ERROR_IO_ERROR, "status 3");
    assert_fails(fixture, not_started, BAILIFF_ERROR_IO_ERROR, "status 127");
    assert_fails(fixture, killed, BAILIFF_ERROR_IO_ERROR, "signal 10");
    assert_works(fixture, good);
}

static void test_cannot_start(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *plain = write_script(fixture, "plain", "exit 0");
    g_autofree char *missing = g_build_filename(fixture->directory, "missing", NULL);
    g_autofree char *below = g_build_filename(plain, "below", NULL);
    g_autofree char *lost = g_build_filename(fixture->directory, "lost", NULL);
    g_autofree char *text = g_build_filename(fixture->directory, "text", NULL);

    g_assert_true(g_file_set_contents_full(lost, "#!/no/such/shell\n", -1, G_FILE_SET_CONTENTS_NONE,
                                           0755, NULL));
    g_assert_true(
        g_file_set_contents_full(text, "hello", -1, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
    g_assert_no_errno(g_chmod(plain, 0644));
    assert_fails(fixture, plain, BAILIFF_ERROR_INVALID_ARGUMENT, plain);
    assert_fails(fixture, missing, BAILIFF_ERROR_NOT_FOUND, missing);
    assert_fails(fixture, below, BAILIFF_ERROR_NOT_FOUND, below);
    assert_fails(fixture, lost, BAILIFF_ERROR_NOT_FOUND, "interpreter");
    assert_fails(fixture, text, BAILIFF_ERROR_INVALID_ARGUMENT, "#!");
    assert_fails(fixture, fixture->directory, BAILIFF_ERROR_INVALID_ARGUMENT, fixture->directory);
    assert_fails(fixture, "true", BAILIFF_ERROR_INVALID_ARGUMENT, "absolute");
    assert_log(0);
}

static void test_too_much(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *long_word = g_strnfill(LAUNCHER_BYTES_MAX, 'x');
    const char *const long_argv[] = { "/bin/true", long_word, NULL };
    const char *const no_env[] = { NULL };
    const char *const bad_env[] = { "NO_VALUE", NULL };
    const char *many_argv[100] = { "/bin/true" };
    Run run;

    for (guint i = 1; i < 99; i++)
        many_argv[i] = "x";
    begin_full(fixture, &run, long_argv, no_env, geteuid(), USEC_PER_SECOND, NULL);
    wait_until(is_done, &run);
    assert_failed(&run, BAILIFF_ERROR_INVALID_ARGUMENT, "too long");
    begin_full(fixture, &run, many_argv, no_env, geteuid(), USEC_PER_SECOND, NULL);
    wait_until(is_done, &run);
    assert_failed(&run, BAILIFF_ERROR_INVALID_ARGUMENT, "too many");
    begin_full(fixture, &run, (const char *const[]){ "/bin/true", NULL }, bad_env, geteuid(),
               USEC_PER_SECOND, NULL);
    wait_until(is_done, &run);
    assert_failed(&run, BAILIFF_ERROR_INVALID_ARGUMENT, "/bin/true");
    assert_works(fixture, "/bin/true");
}

/* At the limit. */

/* A program that starts others, which all do what it does, and write "ready" when they do. */
#define TREE(how)                                                                                  \
    "if [ $# = 0 ]; then " how " \"$0\" child & fi\n"                                              \
    "if [ \"$1\" = child ]; then \"$0\" grandchild & fi\n"                                         \
    "trap '' TERM HUP INT\necho ready\nwhile :; do sleep 1000; done"

static gboolean are_ready(gconstpointer unused)
{
    return log_lines->len == 3;
}

static void test_limit_kills_the_group(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "tree", TREE(""));
    guint64 began_us = boottime_now();
    Run run;

    begin(fixture, &run, path, USEC_PER_SECOND, NULL);
    wait_until(is_done, &run);
    g_assert_cmpuint(boottime_now(), >=, began_us + USEC_PER_SECOND);
    assert_failed(&run, BAILIFF_ERROR_IO_TIMEOUT, path);
    wait_until(is_gone, path);
}

static void test_cancel_kills_the_group(Fixture *fixture, gconstpointer how)
{
    g_autofree char *path = write_script(fixture, "tree", how);
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    Run run;

    begin(fixture, &run, path, 1000 * USEC_PER_SECOND, cancellable);
    wait_until(are_ready, NULL);
    g_assert_false(run.done);
    g_assert_true(is_running(path));
    g_cancellable_cancel(cancellable);
    wait_until(is_done, &run);
    g_assert_error(run.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    g_clear_error(&run.error);
    wait_until(is_gone, path);
}

/* Those that it has started end with it, also when all went well; and while others run. */
static void test_end_kills_the_group(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *waits = write_script(fixture, "waits", "echo here; " LIVE_ON);
    g_autofree char *path = write_script(
        fixture, "leaver", "[ $# = 0 ] || " LIVE_ON "\n\"$0\" 1 & \"$0\" 1 & echo left");
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    Run other;

    begin(fixture, &other, waits, 1000 * USEC_PER_SECOND, cancellable);
    wait_until(has_line, "here");
    assert_works(fixture, path);
    wait_until(is_gone, path);
    assert_log(2, "here", "left");
    g_assert_false(other.done);
    g_assert_true(is_running(waits));
    g_cancellable_cancel(cancellable);
    wait_until(is_done, &other);
    g_clear_error(&other.error);
}

static void test_cancelled_before(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "never", "echo ran; sleep 1000");
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    Run run;

    g_cancellable_cancel(cancellable);
    begin(fixture, &run, path, 1000 * USEC_PER_SECOND, cancellable);
    wait_until(is_done, &run);
    g_assert_error(run.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    g_clear_error(&run.error);
    wait_until(is_gone, path);
    assert_works(fixture, "/bin/true");
}

static void test_limit_already_over(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "never", "echo ran");
    Run run;

    begin(fixture, &run, path, 0, NULL);
    wait_until(is_done, &run);
    assert_failed(&run, BAILIFF_ERROR_IO_TIMEOUT, path);
    assert_works(fixture, "/bin/true");
    assert_log(0);
}

/* Programs with other limits, or other ends, are left alone. */
static void test_many_at_once(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *waits = write_script(fixture, "waits", "while :; do sleep 1000; done");
    g_autofree char *goes = write_script(fixture, "goes", "echo x");
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    Run hung[20], ended[100];

    for (guint i = 0; i < G_N_ELEMENTS(hung); i++)
        begin(fixture, &hung[i], waits, 1000 * USEC_PER_SECOND, cancellable);
    for (guint i = 0; i < G_N_ELEMENTS(ended); i++)
        begin(fixture, &ended[i], goes, 1000 * USEC_PER_SECOND, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(ended); i++) {
        wait_until(is_done, &ended[i]);
        g_assert_no_error(ended[i].error);
    }
    for (guint i = 0; i < G_N_ELEMENTS(hung); i++)
        g_assert_false(hung[i].done);
    g_assert_cmpuint(log_lines->len, ==, G_N_ELEMENTS(ended));
    g_cancellable_cancel(cancellable);
    for (guint i = 0; i < G_N_ELEMENTS(hung); i++) {
        wait_until(is_done, &hung[i]);
        g_clear_error(&hung[i].error);
    }
    wait_until(is_gone, waits);
}

/* Output. */

static void test_output(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path =
        write_script(fixture, "talks",
                     "echo one; echo two >&2; echo; printf 'a\\tb\\033[31m\\377\\n'; "
                     "head -c 2000 /dev/zero | tr '\\0' x; echo; printf 'no newline'");
    g_autofree char *xs = g_strnfill(512, 'x');
    g_autofree char *cut = g_strconcat(xs, " …", NULL);

    assert_works(fixture, path);
    assert_log(6, "one", "two", "", "a b\\x1b[31m\\xff", cut, "no newline");
}

static gboolean is_said_to_be_dropped(gconstpointer unused)
{
    return log_lines->len > 0 && g_str_has_suffix(g_ptr_array_index(log_lines, log_lines->len - 1),
                                                  "more lines were dropped)");
}

static void test_endless_output(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "floods", "exec yes flood");
    Run run;

    begin(fixture, &run, path, USEC_PER_SECOND, NULL);
    wait_until(is_done, &run);
    assert_failed(&run, BAILIFF_ERROR_IO_TIMEOUT, path);
    wait_until(is_gone, path);
    wait_until(is_said_to_be_dropped, NULL);
    g_assert_cmpuint(log_lines->len, >, 1);
    g_assert_cmpuint(log_lines->len, <, 250);
}

/* The launcher's own end. */

static void begin_as(Fixture *fixture, Run *run, const char *path, uid_t uid)
{
    const char *const argv[] = { path, NULL };
    const char *const env[] = { "PATH=/usr/bin:/bin", NULL };

    begin_full(fixture, run, argv, env, uid, 1000 * USEC_PER_SECOND, NULL);
}

static void test_launcher_is_killed(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "waits", "echo here; " LIVE_ON);
    g_autofree char *other_path = write_script(fixture, "too", "echo there; " LIVE_ON);
    pid_t pid = launcher_get_pid(fixture->launcher);
    Run under_way, other, meanwhile;

    begin_as(fixture, &under_way, path, geteuid());
    begin_as(fixture, &other, other_path, geteuid() == 0 ? NOBODY : geteuid());
    wait_until(has_line, "here");
    wait_until(has_line, "there");
    g_assert_no_errno(kill(pid, SIGKILL));
    wait_until(is_done, &under_way);
    wait_until(is_done, &other);
    assert_failed(&under_way, BAILIFF_ERROR_IO_ERROR, "launcher is gone");
    assert_failed(&other, BAILIFF_ERROR_IO_ERROR, "launcher is gone");
    /* They die with the launcher. */
    wait_until(is_gone, path);
    wait_until(is_gone, other_path);

    if (launcher_get_pid(fixture->launcher) == 0) {
        begin_as(fixture, &meanwhile, "/bin/true", geteuid());
        wait_until(is_done, &meanwhile);
        assert_failed(&meanwhile, BAILIFF_ERROR_BUSY, "launcher");
    }
    wait_until(is_up, fixture->launcher);
    g_assert_cmpint(launcher_get_pid(fixture->launcher), !=, pid);
    assert_works(fixture, "/bin/true");
}

/* Stopped, it answers nothing and is still there: the caller has its answer at the limit, and the
 * launcher is replaced. */
static void test_launcher_hangs(Fixture *fixture, gconstpointer unused)
{
    pid_t pid = launcher_get_pid(fixture->launcher);
    Run run;

    g_assert_no_errno(kill(pid, SIGSTOP));
    begin(fixture, &run, "/bin/true", USEC_PER_SECOND / 10, NULL);
    wait_until(is_done, &run);
    assert_failed(&run, BAILIFF_ERROR_IO_TIMEOUT, "/bin/true");
    wait_until(pid_is_gone, GINT_TO_POINTER(pid));
    wait_until(is_up, fixture->launcher);
    assert_works(fixture, "/bin/true");
}

static void test_free_with_programs(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "tree", TREE("setsid"));
    g_autoptr(GError) error = NULL;
    Run run;

    begin(fixture, &run, path, 1000 * USEC_PER_SECOND, NULL);
    wait_until(are_ready, NULL);
    launcher_free(fixture->launcher);
    wait_until(is_done, &run);
    assert_failed(&run, BAILIFF_ERROR_IO_ERROR, "bailiffd ends");
    wait_until(is_gone, path);
    fixture->launcher = launcher_new(self_path, &error);
    g_assert_no_error(error);
}

static void test_no_such_launcher(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(launcher_new("/no/such/program", &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
}

/* Checks. */

static void on_checked(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Run *run = user_data;

    run->worked = launcher_check_finish(NULL, result, &run->error);
    run->done = TRUE;
}

static void check(Fixture *fixture, Run *run, const char *path, uid_t uid)
{
    *run = (Run){ 0 };
    launcher_check_async(fixture->launcher, path, uid, NULL, on_checked, run);
    wait_until(is_done, run);
}

static void assert_check_fails(Fixture *fixture, const char *path, uid_t uid, int code)
{
    Run run;

    check(fixture, &run, path, uid);
    assert_failed(&run, code, path);
}

static void test_check(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "script", "echo ran");
    g_autofree char *fifo = g_build_filename(fixture->directory, "fifo", NULL);
    Run run;

    check(fixture, &run, path, geteuid());
    g_assert_no_error(run.error);
    check(fixture, &run, "/bin/sh", geteuid());
    g_assert_no_error(run.error);
    assert_check_fails(fixture, "/no/such/program", geteuid(), BAILIFF_ERROR_NOT_FOUND);
    assert_check_fails(fixture, fixture->directory, geteuid(), BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_check_fails(fixture, "bin/sh", geteuid(), BAILIFF_ERROR_INVALID_ARGUMENT);
    g_assert_no_errno(mkfifo(fifo, 0777));
    assert_check_fails(fixture, fifo, geteuid(), BAILIFF_ERROR_INVALID_ARGUMENT);
    if (geteuid() == 0) {
        g_assert_no_errno(g_chmod(path, 0744));
        check(fixture, &run, path, 0);
        g_assert_no_error(run.error);
        assert_check_fails(fixture, path, NOBODY, BAILIFF_ERROR_INVALID_ARGUMENT);
        g_assert_no_errno(g_chmod(path, 0755));
        g_assert_no_errno(g_chmod(fixture->directory, 0700));
        assert_check_fails(fixture, path, NOBODY, BAILIFF_ERROR_INVALID_ARGUMENT);
    }
    g_assert_no_errno(g_chmod(path, 0644));
    assert_check_fails(fixture, path, geteuid(), BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_log(0);
}

/* As many registrations may come in one moment: each has its own second. */
static void test_many_checks(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "script", "echo ran");
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    pid_t pid = launcher_get_pid(fixture->launcher);
    Run wanted[500], unwanted[100];

    /* None ends before all were asked for. */
    g_assert_no_errno(kill(pid, SIGSTOP));
    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        wanted[i] = (Run){ 0 };
        launcher_check_async(fixture->launcher, path, geteuid(), NULL, on_checked, &wanted[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(unwanted); i++) {
        unwanted[i] = (Run){ 0 };
        launcher_check_async(fixture->launcher, path, geteuid(), cancellable, on_checked,
                             &unwanted[i]);
    }
    g_cancellable_cancel(cancellable);
    g_assert_no_errno(kill(pid, SIGCONT));
    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        wait_until(is_done, &wanted[i]);
        /* On a machine that is busy with more. */
        if (g_error_matches(wanted[i].error, BAILIFF_ERROR, BAILIFF_ERROR_IO_TIMEOUT))
            g_clear_error(&wanted[i].error);
        g_assert_no_error(wanted[i].error);
    }
    for (guint i = 0; i < G_N_ELEMENTS(unwanted); i++) {
        wait_until(is_done, &unwanted[i]);
        g_assert_error(unwanted[i].error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
        g_clear_error(&unwanted[i].error);
    }
    assert_works(fixture, path);
}

/* Nobody is forgotten who waits behind others. */
static void test_checks_end_with_the_launcher(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    pid_t pid = launcher_get_pid(fixture->launcher);
    Run runs[200];

    g_assert_no_errno(kill(pid, SIGSTOP));
    for (guint i = 0; i < G_N_ELEMENTS(runs); i++) {
        runs[i] = (Run){ 0 };
        launcher_check_async(fixture->launcher, "/bin/true", geteuid(), NULL, on_checked, &runs[i]);
    }
    launcher_free(fixture->launcher);
    g_assert_no_errno(kill(pid, SIGCONT));
    for (guint i = 0; i < G_N_ELEMENTS(runs); i++) {
        wait_until(is_done, &runs[i]);
        g_assert_nonnull(runs[i].error);
        g_clear_error(&runs[i].error);
    }
    wait_until(pid_is_gone, GINT_TO_POINTER(pid));
    fixture->launcher = launcher_new(self_path, &error);
    g_assert_no_error(error);
}

static void add(const char *name, void (*test)(Fixture *, gconstpointer), gconstpointer data)
{
    g_autofree char *path = g_strconcat("/launcher/", name, NULL);

    g_test_add(path, Fixture, data, set_up, test, tear_down);
}

int main(int argc, char **argv)
{
    int status;

    if (launcher_fixture_main(argc, argv, &status))
        return status;
    g_test_init(&argc, &argv, NULL);
    add("arguments-and-environment", test_arguments_and_environment, NULL);
    add("surroundings", test_surroundings, NULL);
    add("descriptors", test_descriptors, NULL);
    add("another-user", test_another_user, NULL);
    add("no-right-to-be-another-user", test_no_right_to_be_another_user, NULL);
    add("status-and-signal", test_status_and_signal, NULL);
    add("cannot-start", test_cannot_start, NULL);
    add("too-much", test_too_much, NULL);
    add("limit-kills-the-group", test_limit_kills_the_group, NULL);
    add("cancel-kills-the-group", test_cancel_kills_the_group, TREE(""));
    add("cancel-kills-who-has-left-the-group", test_cancel_kills_the_group, TREE("setsid"));
    add("end-kills-the-group", test_end_kills_the_group, NULL);
    add("cancelled-before", test_cancelled_before, NULL);
    add("limit-already-over", test_limit_already_over, NULL);
    add("many-at-once", test_many_at_once, NULL);
    add("output", test_output, NULL);
    add("endless-output", test_endless_output, NULL);
    add("launcher-is-killed", test_launcher_is_killed, NULL);
    add("launcher-hangs", test_launcher_hangs, NULL);
    add("free-with-programs", test_free_with_programs, NULL);
    add("no-such-launcher", test_no_such_launcher, NULL);
    add("check", test_check, NULL);
    add("many-checks", test_many_checks, NULL);
    add("checks-end-with-the-launcher", test_checks_end_with_the_launcher, NULL);
    return g_test_run();
}
