/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Process trees as targets, in a main loop: hundreds that are killed at the same moment, and one
 * whose root is ended by its first signal.
 */
#include <signal.h>
#include <sys/resource.h>

#include "actions/process-target.h"
#include "common/bailiff-error.h"
#include "support/forked-tree.h"
#include "support/wait-for.h"

#define TREES 300u

static void on_ended(BailiffTarget *target, gpointer user_data)
{
    guint *count = user_data;

    g_assert_true(bailiff_target_has_ended(target));
    (*count)++;
}

static BailiffTarget *make_target(pid_t pid, gboolean descendants, guint *ended)
{
    ProcessIdentity process = { .pidfd = -1 };
    BailiffTarget *target;

    open_identity(&process, pid);
    target = bailiff_process_target_new(&process, descendants);
    g_signal_connect(target, "ended", G_CALLBACK(on_ended), ended);
    return target;
}

static void body_family(void)
{
    forked(report_and_pause);
    forked(report_and_pause);
    report_and_pause();
}

/* The longest time between two looks, which something of high priority in the loop would wait. */
typedef struct Pulse {
    gint64 last_us, longest_us;
} Pulse;

static gboolean on_pulse(gpointer data)
{
    Pulse *pulse = data;
    gint64 now_us = g_get_monotonic_time();

    pulse->longest_us = MAX(pulse->longest_us, now_us - pulse->last_us);
    pulse->last_us = now_us;
    return G_SOURCE_CONTINUE;
}

static void kill_until_sent(BailiffTarget **targets, guint n)
{
    for (guint i = 0; i < n; i++) {
        g_autoptr(GError) error = NULL;

        bailiff_target_prepare_to_fail(targets[i]);
        g_assert_false(bailiff_target_kill(targets[i], &error));
        g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_BUSY);
        g_assert_nonnull(strchr(error->message, '\n'));
    }
}

static void test_hundreds(void)
{
    g_autofree BailiffTarget **targets = g_new0(BailiffTarget *, TREES);
    Pulse pulse = { 0 };
    gint64 started_us;
    struct rlimit limit;
    guint n_ended = 0, id;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < TREES * 4) {
        g_test_skip("may not open enough descriptors");
        return;
    }
    for (guint i = 0; i < TREES; i++) {
        pid_t pid = forked(body_family);

        for (guint k = 0; k < 3; k++)
            read_report();
        targets[i] = make_target(pid, TRUE, &n_ended);
    }

    pulse.last_us = started_us = g_get_monotonic_time();
    kill_until_sent(targets, TREES);
    pulse.last_us = g_get_monotonic_time();
    id = g_idle_add_full(G_PRIORITY_DEFAULT, on_pulse, &pulse, NULL);
    WAIT_FOR(n_ended >= TREES);
    g_source_remove(id);
    g_test_message("%u trees in %" G_GINT64_FORMAT " ms, %" G_GINT64_FORMAT " ms at a time", TREES,
                   (g_get_monotonic_time() - started_us) / 1000, pulse.longest_us / 1000);
    for (guint i = 0; i < TREES; i++) {
        g_assert_true(bailiff_target_kill(targets[i], NULL));
        g_object_unref(targets[i]);
    }
    g_assert_cmpuint(n_ended, ==, TREES);
    assert_nobody_left();
}

/* A root that obeys the first signal, and children that do not. */
static void body_deaf(void)
{
    signal(SIGTERM, SIG_IGN);
    report_and_pause();
}

static void body_obedient(void)
{
    forked(body_deaf);
    forked(body_deaf);
    report_and_pause();
}

static gboolean sends_term(BailiffTarget *target)
{
    g_autoptr(GError) error = NULL;
    gboolean sent = bailiff_target_signal(target, SIGTERM, &error);

    if (!sent)
        g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_BUSY);
    return sent;
}

static void test_left_behind(void)
{
    g_autoptr(BailiffTarget) target = NULL;
    guint n_ended = 0;
    pid_t pid = forked(body_obedient);

    for (guint k = 0; k < 3; k++)
        read_report();
    target = make_target(pid, TRUE, &n_ended);
    bailiff_target_prepare_to_fail(target);
    /* Before it is known who descends from it, it is not sent. */
    g_assert_false(sends_term(target));
    WAIT_FOR(sends_term(target));
    WAIT_FOR(n_ended >= 1);
    assert_nobody_left();
    g_assert_cmpuint(n_ended, ==, 1);
}

/* Without descendants everything is done at once. */
static void test_alone(void)
{
    g_autoptr(BailiffTarget) target = NULL;
    g_autoptr(GError) error = NULL;
    guint n_ended = 0;
    pid_t pid = forked(report_and_pause);

    read_report();
    target = make_target(pid, FALSE, &n_ended);
    bailiff_target_prepare_to_fail(target);
    g_assert_true(bailiff_target_signal(target, SIGCONT, &error));
    g_assert_no_error(error);
    g_assert_true(bailiff_target_kill(target, &error));
    g_assert_no_error(error);
    WAIT_FOR(n_ended >= 1);
    assert_nobody_left();
}

/* Given up in the midst of the work. */
static void test_freed(void)
{
    guint n_ended = 0;

    for (guint i = 0; i < 20; i++) {
        pid_t pid = forked(body_family);
        BailiffTarget *target;

        for (guint k = 0; k < 3; k++)
            read_report();
        target = make_target(pid, TRUE, &n_ended);
        kill_until_sent(&target, 1);
        for (guint k = 0; k < i % 3; k++)
            g_main_context_iteration(NULL, FALSE);
        g_object_unref(target);
        clean_up();
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!forked_tree_init())
        return 0;
    g_test_add_func("/process-target/hundreds", test_hundreds);
    g_test_add_func("/process-target/left-behind", test_left_behind);
    g_test_add_func("/process-target/alone", test_alone);
    g_test_add_func("/process-target/freed", test_freed);
    return g_test_run();
}
