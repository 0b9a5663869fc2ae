/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A launcher that is killed, stands still, cannot be started or answers nonsense: what it had
 * running ends, another one takes its place, and nobody waits for it.
 *
 * The times are short, so that twenty of them pass in seconds; what bailiffd waits is tested with
 * launcher-health.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "actions/launcher-message.h"
#include "support/launcher-fixture.h"

#define TIMES_IN_A_ROW 20
#define MODE "LAUNCHER_FIXTURE_MODE"
/* A program that starts others, which leave its group; all write "ready". */
#define TREE                                                                                       \
    "if [ $# = 0 ]; then setsid \"$0\" child & fi\n"                                               \
    "if [ \"$1\" = child ]; then \"$0\" grandchild & fi\n"                                         \
    "trap '' TERM HUP INT\necho ready\nwhile :; do sleep 1000; done"

/* Who is there is never thought to hang, and who is gone is followed at once. */
static const LauncherTimes for_kills = {
    .interval_us = 60 * USEC_PER_SECOND,
    .patience_us = 60 * USEC_PER_SECOND,
    .first_delay_us = 100,
    .last_delay_us = 50000,
    .long_life_us = 60 * USEC_PER_SECOND,
};

/* On a machine that is busy a launcher may be thought to hang that does not. */
static const LauncherTimes for_hangs = {
    .interval_us = 50000,
    .patience_us = 400000,
    .first_delay_us = 100,
    .last_delay_us = 50000,
    .long_life_us = 60 * USEC_PER_SECOND,
};

/* What hangs is found out by the question before a request only. */
static const LauncherTimes for_requests = {
    .interval_us = 1000 * USEC_PER_SECOND,
    .patience_us = USEC_PER_SECOND,
    .first_delay_us = 100,
    .last_delay_us = 50000,
    .long_life_us = 60 * USEC_PER_SECOND,
};

typedef struct Case {
    const char *name;
    const LauncherTimes *times;
    void (*test)(Fixture *fixture, gconstpointer the_case);
    const char *mode; /* of be_strange() */
} Case;

static void set_up_case(Fixture *fixture, gconstpointer data)
{
    const Case *the_case = data;

    set_up_with(fixture, self_path, the_case->times);
}

static gboolean are_ready(gconstpointer unused)
{
    return log_lines->len == 3;
}

static guint count_messages(const char *beginning)
{
    guint n = 0;

    for (guint i = 0; i < messages->len; i++)
        n += g_str_has_prefix(g_ptr_array_index(messages, i), beginning) ? 1 : 0;
    return n;
}

static void begin_long(Fixture *fixture, Run *run, const char *path)
{
    begin(fixture, run, path, 1000 * USEC_PER_SECOND, NULL);
}

/* Where one that is slow for a moment is thought to hang (for_hangs): the one that follows works.
 */
static void assert_one_works(Fixture *fixture)
{
    guint64 until_us = boottime_now() + 60 * USEC_PER_SECOND;
    Run run = { 0 };

    do {
        g_assert_cmpuint(boottime_now(), <, until_us);
        g_clear_error(&run.error);
        wait_until(is_up, fixture->launcher);
        run_to_end(fixture, &run, "/bin/true");
    } while (!run.worked);
}

/* Killed and standing still. */

static void test_killed_again_and_again(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "tree", TREE);

    for (guint i = 1; i <= TIMES_IN_A_ROW; i++) {
        pid_t pid = launcher_get_pid(fixture->launcher);
        Run run;

        g_ptr_array_set_size(log_lines, 0);
        begin_long(fixture, &run, path);
        wait_until(are_ready, NULL);
        g_assert_no_errno(kill(pid, SIGKILL));
        wait_until(is_done, &run);
        assert_failed(&run, BAILIFF_ERROR_IO_ERROR, "launcher is gone (signal 9)");
        g_assert_false(launcher_is_up(fixture->launcher));
        begin_long(fixture, &run, path);
        wait_until(is_done, &run);
        assert_failed(&run, BAILIFF_ERROR_BUSY, "launcher");
        /* Of those that have left its group, too. */
        wait_until(is_gone, path);
        wait_until(is_up, fixture->launcher);
        g_assert_cmpint(launcher_get_pid(fixture->launcher), !=, pid);
        g_assert_cmpuint(launcher_count_losses(fixture->launcher), ==, i);
    }
    g_assert_cmpuint(count_messages("There is no launcher of programs"), ==, TIMES_IN_A_ROW);
    g_assert_cmpuint(count_messages("The launcher of programs runs again"), ==, TIMES_IN_A_ROW);
    assert_works(fixture, "/bin/true");
}

/* Of this process: by its name, from which no other thread of it has it. */
static gboolean is_no_start_under_way(gconstpointer unused)
{
    g_autoptr(GDir) threads = g_dir_open("/proc/self/task", 0, NULL);
    gboolean found = FALSE;
    const char *thread;

    while (!found && (thread = g_dir_read_name(threads)) != NULL) {
        g_autofree char *path = g_build_filename("/proc/self/task", thread, "comm", NULL);
        g_autofree char *name = NULL;

        found =
            g_file_get_contents(path, &name, NULL, NULL) && g_str_equal(name, "launcher-start\n");
    }
    return !found;
}

static gboolean is_there_for_good(gconstpointer launcher)
{
    return is_up(launcher) && is_no_start_under_way(NULL);
}

/* The kernel lets a launcher go on (SIGCONT) when the thread ends that has started it, which may
 * be long after its first answer: one that was stopped before that does not stand still. */
static pid_t stop_for_good(Fixture *fixture)
{
    pid_t pid;

    wait_until(is_there_for_good, fixture->launcher);
    pid = launcher_get_pid(fixture->launcher);
    g_assert_no_errno(kill(pid, SIGSTOP));
    return pid;
}

static void test_stands_still_again_and_again(Fixture *fixture, gconstpointer unused)
{
    for (guint i = 1; i <= TIMES_IN_A_ROW; i++) {
        /* Nobody asks for anything: it is noticed all the same. */
        pid_t pid = stop_for_good(fixture);

        wait_until(pid_is_gone, GINT_TO_POINTER(pid));
        wait_until(is_up, fixture->launcher);
        g_assert_cmpint(launcher_get_pid(fixture->launcher), !=, pid);
        g_assert_cmpuint(launcher_count_losses(fixture->launcher), >=, i);
    }
    assert_one_works(fixture);
}

/* One that has done nothing for an hour may hang: who needs it finds that out, and not at the limit
 * of what he needs it for. It never begins what it was asked for, either. */
static void test_stands_still_when_it_is_needed(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "begins", "echo begun");
    g_autofree char *waits = write_script(fixture, "waits", "echo here; " LIVE_ON);
    pid_t pid = launcher_get_pid(fixture->launcher);
    Run run, under_way;

    begin_long(fixture, &under_way, waits);
    wait_until(has_line, "here");
    g_assert_no_errno(kill(pid, SIGSTOP));
    begin_long(fixture, &run, path);
    wait_until(is_done, &run);
    assert_failed(&run, BAILIFF_ERROR_IO_ERROR, "does not answer");
    wait_until(is_done, &under_way);
    assert_failed(&under_way, BAILIFF_ERROR_IO_ERROR, "does not answer");
    (void)kill(pid, SIGCONT);
    wait_until(pid_is_gone, GINT_TO_POINTER(pid));
    wait_until(is_gone, waits);
    wait_until(is_up, fixture->launcher);
    assert_works(fixture, "/bin/true");
    g_assert_false(has_line("begun"));
}

/* Goes on in time: it was slow, and nothing happens to it. */
static void test_stands_still_for_a_moment(Fixture *fixture, gconstpointer unused)
{
    pid_t pid = launcher_get_pid(fixture->launcher);
    Run run;

    g_assert_no_errno(kill(pid, SIGSTOP));
    begin_long(fixture, &run, "/bin/true");
    g_main_context_iteration(NULL, FALSE);
    g_assert_no_errno(kill(pid, SIGCONT));
    wait_until(is_done, &run);
    g_assert_no_error(run.error);
    g_assert_cmpint(launcher_get_pid(fixture->launcher), ==, pid);
    g_assert_cmpuint(launcher_count_losses(fixture->launcher), ==, 0);
}

/* The next one. */

static gboolean has_been_tried(gconstpointer data)
{
    return launcher_count_losses((Launcher *)data) >= 5;
}

static void copy_self(const char *path)
{
    g_autofree char *bytes = NULL;
    g_autoptr(GError) error = NULL;
    gsize size;

    g_file_get_contents(self_path, &bytes, &size, &error);
    g_assert_no_error(error);
    g_file_set_contents_full(path, bytes, (gssize)size, G_FILE_SET_CONTENTS_NONE, 0755, &error);
    g_assert_no_error(error);
}

static void test_cannot_be_started(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = g_build_filename(fixture->directory, "copy", NULL);
    g_autoptr(GError) error = NULL;
    Run run;

    launcher_free(fixture->launcher);
    copy_self(path);
    fixture->launcher = launcher_new_with_times(path, &for_kills, &error);
    g_assert_no_error(error);
    g_assert_no_errno(g_unlink(path));
    g_assert_no_errno(kill(launcher_get_pid(fixture->launcher), SIGKILL));
    wait_until(has_been_tried, fixture->launcher);
    g_assert_nonnull(strstr(g_ptr_array_index(messages, messages->len - 1), g_strerror(ENOENT)));
    begin_long(fixture, &run, "/bin/true");
    wait_until(is_done, &run);
    assert_failed(&run, BAILIFF_ERROR_BUSY, "launcher");
    copy_self(path);
    wait_until(is_up, fixture->launcher);
    assert_works(fixture, "/bin/true");
}

/* What the process is called as when MODE says so: a launcher that is none. */
static int be_strange(const char *mode)
{
    LauncherRequest request;
    LauncherAnswer answer;

    while (recv(3, &request, sizeof request, 0) > 0) {
        launcher_answer_init(&answer, LAUNCHER_ANSWER_PONG, request.id);
        answer.detail = LAUNCHER_PROTOCOL;
        if (g_str_equal(mode, "version"))
            answer.detail++;
        if (g_str_equal(mode, "other"))
            answer.id++;
        if (g_str_equal(mode, "nonsense"))
            answer.magic++;
        if (g_str_equal(mode, "unasked")) {
            answer.kind = LAUNCHER_ANSWER_EXITED;
            answer.detail = 0;
        }
        if (g_str_equal(mode, "silent"))
            continue;
        if (g_str_equal(mode, "ends"))
            return 3;
        if (send(3, &answer, sizeof answer, MSG_NOSIGNAL) < 0)
            return 0;
    }
    return 0;
}

static gboolean has_losses(gconstpointer data)
{
    return launcher_count_losses((Launcher *)data) >= 3;
}

/* An executable that becomes this program, in that mode; "" is as it should be. */
static char *write_strange(Fixture *fixture, const char *mode)
{
    g_autofree char *body = g_strdup_printf(MODE "='%s' exec '%s' \"$@\"", mode, self_path);

    return write_script(fixture, "launcher", body);
}

/* As one that is started later; it never counts as one that is there. */
static void test_strange(Fixture *fixture, gconstpointer data)
{
    const Case *the_case = data;
    g_autofree char *path = write_strange(fixture, "");
    g_autoptr(GError) error = NULL;

    launcher_free(fixture->launcher);
    fixture->launcher = launcher_new_with_times(path, the_case->times, &error);
    g_assert_no_error(error);
    g_free(write_strange(fixture, the_case->mode));
    g_assert_no_errno(kill(launcher_get_pid(fixture->launcher), SIGKILL));
    wait_until(has_losses, fixture->launcher);
    g_assert_cmpuint(count_messages("The launcher of programs runs again"), ==, 0);
    g_free(write_strange(fixture, ""));
    wait_until(is_up, fixture->launcher);
    assert_one_works(fixture);
}

static void test_strange_at_first(Fixture *fixture, gconstpointer unused)
{
    static const char *const modes[] = { "version", "other", "nonsense", "unasked", "ends" };
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_autofree char *path = write_strange(fixture, modes[i]);

        g_assert_null(launcher_new(path, &error));
        g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
        g_clear_error(&error);
    }
}

static guint count_descriptors(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)pid);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir) != NULL)
        n++;
    return n;
}

static char *status_line(pid_t pid, const char *name)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++)
        if (g_str_has_prefix(lines[i], name))
            return g_strdup(lines[i]);
    return NULL;
}

/* A daemon in full work has descriptors, locked memory and a priority that no launcher is to have.
 */
static void test_next_one_is_clean(Fixture *fixture, gconstpointer unused)
{
    const struct sched_param real_time = { .sched_priority = 1 }, none = { 0 };
    pid_t pid = launcher_get_pid(fixture->launcher);
    guint n_descriptors = count_descriptors(pid);
    g_autofree char *before = status_line(pid, "VmLck:");
    g_autofree char *after = NULL;
    int fds[64];

    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        /* O_CLOEXEC is the rule; one that was forgotten goes no further, either. */
        fds[i] = open("/dev/null", O_RDONLY | (i % 2 ? O_CLOEXEC : 0));
        g_assert_cmpint(fds[i], >=, 0);
    }
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        g_test_message("memory cannot be locked here");
    if (sched_setscheduler(0, SCHED_FIFO, &real_time) != 0)
        g_test_message("there is no real-time priority here");
    g_assert_no_errno(kill(pid, SIGKILL));
    wait_until(pid_is_gone, GINT_TO_POINTER(pid));
    wait_until(is_up, fixture->launcher);
    (void)sched_setscheduler(0, SCHED_OTHER, &none);
    (void)munlockall();
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
        close(fds[i]);
    pid = launcher_get_pid(fixture->launcher);
    g_assert_cmpuint(count_descriptors(pid), ==, n_descriptors);
    g_assert_cmpint(sched_getscheduler(pid), ==, SCHED_OTHER);
    after = status_line(pid, "VmLck:");
    g_assert_cmpstr(after, ==, before);
    assert_works(fixture, "/bin/true");
}

/* Stopping. */

typedef struct Stop {
    gboolean done;
    gboolean worked;
    GError *error;
} Stop;

static void on_stopped(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Stop *stop = user_data;

    g_assert_false(stop->done);
    stop->worked = launcher_stop_finish(NULL, result, &stop->error);
    stop->done = TRUE;
}

static gboolean is_stopped(gconstpointer data)
{
    return ((const Stop *)data)->done;
}

static void stop_within(Fixture *fixture, Stop *stop, guint64 limit_us)
{
    *stop = (Stop){ 0 };
    launcher_stop_async(fixture->launcher, boottime_now() + limit_us, on_stopped, stop);
}

static gboolean has_children(void)
{
    g_autofree char *path = g_strdup_printf("/proc/self/task/%d/children", (int)getpid());
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return *text != '\0';
}

static void assert_stopped(Fixture *fixture, Stop *stop)
{
    Run run;

    wait_until(is_stopped, stop);
    g_assert_no_error(stop->error);
    g_assert_true(stop->worked);
    g_assert_false(launcher_is_up(fixture->launcher));
    g_assert_false(has_children());
    begin_long(fixture, &run, "/bin/true");
    wait_until(is_done, &run);
    assert_failed(&run, BAILIFF_ERROR_BUSY, "about to end");
    g_assert_cmpuint(launcher_count_losses(fixture->launcher), ==, 0);
}

static void test_stop(Fixture *fixture, gconstpointer unused)
{
    Stop stop;

    for (guint i = 0; i < 3; i++) {
        stop_within(fixture, &stop, 1000 * USEC_PER_SECOND);
        assert_stopped(fixture, &stop);
        /* After all. */
        launcher_resume(fixture->launcher);
        wait_until(is_up, fixture->launcher);
        assert_works(fixture, "/bin/true");
    }
}

/* What is under way may end, and nothing new begins meanwhile. */
static void test_stop_waits(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path =
        write_script(fixture, "waits", "mkfifo $0.end\necho here\nread word <$0.end");
    g_autofree char *end = g_strconcat(path, ".end", NULL);
    Stop stop;
    Run run, late;
    int fd;

    begin_long(fixture, &run, path);
    wait_until(has_line, "here");
    stop_within(fixture, &stop, 1000 * USEC_PER_SECOND);
    begin_long(fixture, &late, "/bin/true");
    wait_until(is_done, &late);
    assert_failed(&late, BAILIFF_ERROR_BUSY, "about to end");
    g_assert_false(stop.done);
    g_assert_false(run.done);
    fd = open(end, O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(write(fd, "now\n", 4), ==, 4);
    close(fd);
    wait_until(is_done, &run);
    g_assert_no_error(run.error);
    assert_stopped(fixture, &stop);
}

static void test_stop_kills(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "tree", TREE);
    Stop stop;
    Run run;

    begin_long(fixture, &run, path);
    wait_until(are_ready, NULL);
    stop_within(fixture, &stop, USEC_PER_SECOND / 10);
    wait_until(is_done, &run);
    assert_failed(&run, BAILIFF_ERROR_IO_ERROR, "bailiffd ends its launcher");
    assert_stopped(fixture, &stop);
    g_assert_false(is_running(path));
}

/* It cannot end what it has started: it is killed, and they are killed behind it. */
static void test_stop_of_one_that_stands_still(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "tree", TREE);
    Stop stop;
    Run run;

    begin_long(fixture, &run, path);
    wait_until(are_ready, NULL);
    g_assert_no_errno(kill(launcher_get_pid(fixture->launcher), SIGSTOP));
    stop_within(fixture, &stop, USEC_PER_SECOND / 10);
    wait_until(is_done, &run);
    g_clear_error(&run.error);
    assert_stopped(fixture, &stop);
    g_assert_false(is_running(path));
}

/* While there is none, or one is being started. */
static void test_stop_while_it_is_away(Fixture *fixture, gconstpointer unused)
{
    for (guint i = 0; i < TIMES_IN_A_ROW; i++) {
        pid_t pid = launcher_get_pid(fixture->launcher);
        Stop stop;

        g_assert_no_errno(kill(pid, SIGKILL));
        for (guint turns = 0; turns < i; turns++)
            g_main_context_iteration(NULL, FALSE);
        stop_within(fixture, &stop, 1000 * USEC_PER_SECOND);
        wait_until(is_stopped, &stop);
        g_assert_no_error(stop.error);
        g_assert_false(launcher_is_up(fixture->launcher));
        g_assert_false(has_children());
        launcher_resume(fixture->launcher);
        wait_until(is_up, fixture->launcher);
    }
    assert_works(fixture, "/bin/true");
}

static const Case cases[] = {
    { "killed-again-and-again", &for_kills, test_killed_again_and_again },
    { "stands-still-again-and-again", &for_hangs, test_stands_still_again_and_again },
    { "stands-still-when-it-is-needed", &for_requests, test_stands_still_when_it_is_needed },
    { "stands-still-for-a-moment", &for_kills, test_stands_still_for_a_moment },
    { "cannot-be-started", &for_kills, test_cannot_be_started },
    { "strange-at-first", &for_kills, test_strange_at_first },
    { "strange/version", &for_hangs, test_strange, "version" },
    { "strange/other", &for_hangs, test_strange, "other" },
    { "strange/nonsense", &for_hangs, test_strange, "nonsense" },
    { "strange/unasked", &for_hangs, test_strange, "unasked" },
    { "strange/silent", &for_hangs, test_strange, "silent" },
    { "strange/ends", &for_hangs, test_strange, "ends" },
    { "next-one-is-clean", &for_kills, test_next_one_is_clean },
    { "stop", &for_kills, test_stop },
    { "stop-waits", &for_kills, test_stop_waits },
    { "stop-kills", &for_kills, test_stop_kills },
    { "stop-of-one-that-stands-still", &for_kills, test_stop_of_one_that_stands_still },
    { "stop-while-it-is-away", &for_kills, test_stop_while_it_is_away },
};

int main(int argc, char **argv)
{
    const char *mode = g_getenv(MODE);
    int status;

    if (mode != NULL && *mode != '\0' && argc == 3 && g_str_equal(argv[1], LAUNCHER_OPTION))
        return be_strange(mode);
    if (launcher_fixture_main(argc, argv, &status))
        return status;
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/launcher-supervision/", cases[i].name, NULL);

        g_test_add(path, Fixture, &cases[i], set_up_case, cases[i].test, tear_down);
    }
    return g_test_run();
}
