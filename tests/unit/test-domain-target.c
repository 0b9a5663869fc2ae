/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain's process and its life, as libvirt's pid file and libvirt's events tell it, or do not.
 */
#include <signal.h>

#include "actions/domain-target-private.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "support/libvirt-double.h"

typedef struct Fixture {
    LibvirtDouble *libvirt;
    BailiffTarget *target;
    BailiffDomainTarget *domain; /* the same */
    guint n_ended, n_changed, n_resumed;
} Fixture;

static void count(guint *n)
{
    (*n)++;
}

static void make_target(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;

    fixture->target =
        bailiff_domain_target_new(fixture->libvirt->libvirt, DOUBLE_UUID, DOUBLE_NAME, &error);
    g_assert_no_error(error);
    fixture->domain = BAILIFF_DOMAIN_TARGET(fixture->target);
    g_signal_connect_swapped(fixture->target, "ended", G_CALLBACK(count), &fixture->n_ended);
    g_signal_connect_swapped(fixture->target, "process-changed", G_CALLBACK(count),
                             &fixture->n_changed);
    g_signal_connect_swapped(fixture->target, "resumed", G_CALLBACK(count), &fixture->n_resumed);
}

static void set_up(Fixture *fixture, gconstpointer unused)
{
    fixture->libvirt = libvirt_double_new();
}

static void tear_down(Fixture *fixture, gconstpointer unused)
{
    g_clear_object(&fixture->target);
    libvirt_double_free(fixture->libvirt);
}

static void start_running(Fixture *fixture)
{
    libvirt_double_start_qemu(fixture->libvirt, DOUBLE_UUID);
    make_target(fixture);
    g_assert_nonnull(bailiff_target_get_process(fixture->target));
    /* Its events count from here on. */
    WAIT_FOR(fixture->libvirt->was_called);
}

static void assert_process_is_qemu(Fixture *fixture)
{
    const ProcessIdentity *process = bailiff_target_get_process(fixture->target);

    g_assert_nonnull(process);
    g_assert_cmpint(process->pid, ==, fixture->libvirt->qemu);
}

/* --- its process
 * ----------------------------------------------------------------------------------- */

static void test_bad_arguments(Fixture *fixture, gconstpointer unused)
{
    static const struct {
        const char *uuid, *name;
    } cases[] = { { "", "vm" },          { "vm", "vm" },         { DOUBLE_UUID "0", "vm" },
                  { DOUBLE_UUID, "" },   { DOUBLE_UUID, "a/b" }, { DOUBLE_UUID, ".." },
                  { DOUBLE_UUID, "\n" }, { DOUBLE_UUID, "\xff" } };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(bailiff_domain_target_new(fixture->libvirt->libvirt, cases[i].uuid,
                                                cases[i].name, &error));
        g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);
    }
    libvirt_double_round_trip(fixture->libvirt);
    g_assert_false(fixture->libvirt->was_called);
}

static void test_runs_already(Fixture *fixture, gconstpointer unused)
{
    KillGuardTarget guard = KILL_GUARD_TARGET_NONE;

    start_running(fixture);
    assert_process_is_qemu(fixture);
    g_assert_cmpuint(fixture->n_changed, ==, 0);
    g_assert_false(bailiff_target_has_ended(fixture->target));
    g_assert_cmpint(bailiff_target_get_kind(fixture->target), ==, FAILURE_TARGET_DOMAIN);
    g_assert_cmpstr(bailiff_target_get_description(fixture->target), ==, "domain " DOUBLE_NAME);
    g_assert_cmpstr(bailiff_domain_target_get_uuid(fixture->domain), ==, DOUBLE_UUID);
    g_assert_cmpstr(bailiff_domain_target_get_name(fixture->domain), ==, DOUBLE_NAME);
    bailiff_target_fill_guard(fixture->target, &guard);
    g_assert_cmpint(guard.pidfd, ==, bailiff_target_get_process(fixture->target)->pidfd);
    g_assert_cmpint(guard.pid, ==, fixture->libvirt->qemu);
    g_assert_false(guard.tree);
    g_assert_cmpint(guard.cgroup_kill_fd, ==, -1);

    libvirt_double_end_qemu(fixture->libvirt);
    WAIT_FOR(fixture->n_ended == 1);
    g_assert_true(bailiff_target_has_ended(fixture->target));
}

/* Registered before it is started: that it has no process yet is no end. */
static void test_starts_later(Fixture *fixture, gconstpointer unused)
{
    KillGuardTarget guard = KILL_GUARD_TARGET_NONE;
    g_autoptr(GError) error = NULL;

    make_target(fixture);
    g_assert_null(bailiff_target_get_process(fixture->target));
    g_assert_false(bailiff_target_has_ended(fixture->target));
    bailiff_target_fill_guard(fixture->target, &guard);
    g_assert_cmpint(guard.pidfd, ==, -1);
    g_assert_false(bailiff_target_signal(fixture->target, SIGTERM, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_false(bailiff_target_kill(fixture->target, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);

    libvirt_double_start_qemu(fixture->libvirt, DOUBLE_UUID);
    WAIT_FOR(fixture->n_changed == 1);
    assert_process_is_qemu(fixture);
    g_assert_cmpuint(fixture->n_ended, ==, 0);
}

/* libvirt's child writes its pid file before it becomes QEMU, and no event tells when it does. */
static void test_becomes_qemu(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *number = NULL;

    make_target(fixture);
    libvirt_double_start_qemu(fixture->libvirt, "00000000-0000-4000-8000-000000000000");
    WAIT_FOR(!g_main_context_pending(NULL));
    g_assert_null(bailiff_target_get_process(fixture->target));
    g_assert_false(bailiff_target_has_ended(fixture->target));
    /* The same pid file; written over, for a process here cannot become another. */
    libvirt_double_end_qemu(fixture->libvirt);
    libvirt_double_start_qemu(fixture->libvirt, DOUBLE_UUID);
    WAIT_FOR(fixture->n_changed == 1);
    assert_process_is_qemu(fixture);
    g_assert_cmpuint(fixture->n_ended, ==, 0);
}

/* Off and on again before anybody looked: the new process is what counts, for everything. */
static void test_started_again(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;

    start_running(fixture);
    libvirt_double_end_qemu(fixture->libvirt);
    libvirt_double_start_qemu(fixture->libvirt, DOUBLE_UUID);
    g_assert_false(bailiff_target_has_ended(fixture->target));
    g_assert_true(bailiff_target_signal(fixture->target, SIGCONT, &error));
    g_assert_no_error(error);
    g_assert_true(bailiff_target_kill(fixture->target, &error));
    g_assert_no_error(error);
    /* It may have ended before anybody had looked, unseen. */
    WAIT_FOR(fixture->n_ended == 1);
    libvirt_double_end_qemu(fixture->libvirt);
    g_assert_true(bailiff_target_has_ended(fixture->target));

    /* A further life after an end that was told. */
    fixture->n_changed = 0;
    libvirt_double_start_qemu(fixture->libvirt, DOUBLE_UUID);
    WAIT_FOR(fixture->n_changed == 1);
    g_assert_false(bailiff_target_has_ended(fixture->target));
    libvirt_double_end_qemu(fixture->libvirt);
    WAIT_FOR(fixture->n_ended == 2);
}

/* libvirt's word for its end is none, and the end of its pid file neither. */
static void test_only_said_to_be_off(Fixture *fixture, gconstpointer unused)
{
    start_running(fixture);
    fixture->libvirt->state = LIBVIRT_STATE_OFF;
    libvirt_double_write_pid_file(fixture->libvirt, NULL);
    libvirt_double_emit(fixture->libvirt, 5, 1);
    libvirt_double_round_trip(fixture->libvirt);
    g_assert_false(bailiff_target_has_ended(fixture->target));
    g_assert_cmpuint(fixture->n_ended, ==, 0);
    libvirt_double_end_qemu(fixture->libvirt);
    WAIT_FOR(fixture->n_ended == 1);
}

/* With a Create of ours out it has not ended: it may run as soon as libvirt comes to it. */
static void test_start_is_out(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GAsyncResult) result = NULL;

    start_running(fixture);
    fixture->libvirt->manners[LIBVIRT_CREATE] = DOUBLE_HOLDS;
    bailiff_domain_target_start_async(fixture->domain, cancellable, libvirt_double_keep_result,
                                      &result);
    WAIT_FOR(fixture->libvirt->held[LIBVIRT_CREATE].length == 1);
    g_cancellable_cancel(cancellable);
    WAIT_FOR(result != NULL);
    libvirt_double_end_qemu(fixture->libvirt);
    libvirt_double_round_trip(fixture->libvirt);
    g_assert_false(bailiff_target_has_ended(fixture->target));
    g_assert_cmpuint(fixture->n_ended, ==, 0);

    fixture->libvirt->manners[LIBVIRT_CREATE] = DOUBLE_FAILS;
    libvirt_double_let_go_on(fixture->libvirt, LIBVIRT_CREATE);
    WAIT_FOR(fixture->n_ended == 1);
    g_assert_true(bailiff_target_has_ended(fixture->target));
}

static void test_never_ran(Fixture *fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = fixture->libvirt;

    libvirt->state = LIBVIRT_STATE_PAUSED; /* libvirt has begun to start it */
    make_target(fixture);
    bailiff_target_prepare_to_fail(fixture->target);
    WAIT_FOR(libvirt->n_calls[LIBVIRT_GET_STATE] == 1);
    libvirt_double_round_trip(libvirt);
    g_assert_false(bailiff_target_has_ended(fixture->target));

    /* The start came to nothing; but a pid file there is. */
    libvirt->state = LIBVIRT_STATE_OFF;
    libvirt_double_write_pid_file(libvirt, "1\n");
    g_assert_false(bailiff_target_kill(fixture->target, NULL));
    WAIT_FOR(libvirt->n_calls[LIBVIRT_GET_STATE] == 2);
    libvirt_double_round_trip(libvirt);
    g_assert_cmpuint(fixture->n_ended, ==, 0);

    libvirt_double_write_pid_file(libvirt, NULL);
    g_assert_false(bailiff_target_kill(fixture->target, NULL));
    WAIT_FOR(fixture->n_ended == 1);
    g_assert_true(bailiff_target_has_ended(fixture->target));
    libvirt_double_start_qemu(libvirt, DOUBLE_UUID);
    g_assert_false(bailiff_target_has_ended(fixture->target));
    WAIT_FOR(fixture->n_changed == 1);
    libvirt_double_end_qemu(libvirt);
    WAIT_FOR(fixture->n_ended == 2);
}

/* Nobody says how it is: then it has not ended. */
static void test_perhaps_never_ran(Fixture *fixture, gconstpointer unused)
{
    fixture->libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_FAILS;
    make_target(fixture);
    bailiff_target_prepare_to_fail(fixture->target);
    WAIT_FOR(fixture->libvirt->n_calls[LIBVIRT_GET_STATE] == 1);
    libvirt_double_round_trip(fixture->libvirt);
    g_assert_false(bailiff_target_has_ended(fixture->target));
    g_assert_cmpuint(fixture->n_ended, ==, 0);
}

/* --- resumed by somebody else
 * ---------------------------------------------------------------------- */

static void start_quiet(Fixture *fixture)
{
    start_running(fixture);
    fixture->libvirt->state = LIBVIRT_STATE_PAUSED;
    domain_target_set_quiet(fixture->domain, TRUE);
}

static void test_resumed_by_event(Fixture *fixture, gconstpointer unused)
{
    start_quiet(fixture);
    /* Asked once, for what may have happened just before. */
    WAIT_FOR(fixture->libvirt->n_calls[LIBVIRT_GET_STATE] == 1);
    libvirt_double_round_trip(fixture->libvirt);
    /* Not true, or not any more. */
    libvirt_double_emit(fixture->libvirt, 4, 0);
    WAIT_FOR(fixture->libvirt->n_calls[LIBVIRT_GET_STATE] == 2);
    libvirt_double_round_trip(fixture->libvirt);
    g_assert_cmpuint(fixture->n_resumed, ==, 0);

    fixture->libvirt->state = LIBVIRT_STATE_RUNNING;
    libvirt_double_emit(fixture->libvirt, 4, 0);
    WAIT_FOR(fixture->n_resumed == 1);
    /* Once, and not again before it was quiet again. */
    libvirt_double_emit(fixture->libvirt, 4, 0);
    libvirt_double_round_trip(fixture->libvirt);
    g_assert_cmpuint(fixture->n_resumed, ==, 1);
}

/* The event is lost: the heartbeat finds out. */
static void test_resumed_unseen(Fixture *fixture, gconstpointer unused)
{
    start_quiet(fixture);
    fixture->libvirt->state = LIBVIRT_STATE_RUNNING;
    WAIT_FOR(fixture->n_resumed == 1);
}

/* An event says that it runs, and nobody answers the question: it is taken to run. Silence alone
 * says nothing. */
static void test_resumed_in_doubt(Fixture *fixture, gconstpointer unused)
{
    guint n;

    start_quiet(fixture);
    fixture->libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_FAILS;
    WAIT_FOR(fixture->libvirt->n_calls[LIBVIRT_GET_STATE] > 0);
    libvirt_double_round_trip(fixture->libvirt);
    g_assert_cmpuint(fixture->n_resumed, ==, 0);

    fixture->libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_HOLDS;
    n = fixture->libvirt->n_calls[LIBVIRT_GET_STATE];
    libvirt_double_emit(fixture->libvirt, 4, 0);
    WAIT_FOR(fixture->n_resumed == 1);
    g_assert_cmpuint(fixture->libvirt->n_calls[LIBVIRT_GET_STATE], >, n);
}

/* libvirt goes, and the domain is resumed before it is back. */
static void test_resumed_without_libvirt(Fixture *fixture, gconstpointer unused)
{
    start_quiet(fixture);
    libvirt_double_go(fixture->libvirt);
    libvirt_double_round_trip(fixture->libvirt);
    g_assert_cmpuint(fixture->n_resumed, ==, 0);
    fixture->libvirt->state = LIBVIRT_STATE_RUNNING;
    libvirt_double_come(fixture->libvirt);
    WAIT_FOR(fixture->n_resumed == 1);
}

static void test_ends_while_quiet(Fixture *fixture, gconstpointer unused)
{
    start_quiet(fixture);
    libvirt_double_end_qemu(fixture->libvirt);
    WAIT_FOR(fixture->n_ended == 1);
    fixture->libvirt->state = LIBVIRT_STATE_RUNNING;
    libvirt_double_start_qemu(fixture->libvirt, DOUBLE_UUID);
    libvirt_double_emit(fixture->libvirt, 2, 0);
    WAIT_FOR(fixture->n_changed == 1);
    libvirt_double_round_trip(fixture->libvirt);
    g_assert_cmpuint(fixture->n_resumed, ==, 0);
}

/* --- on record
 * ------------------------------------------------------------------------------------- */

#define GROUP "registration"

static GKeyFile *record(Fixture *fixture)
{
    GKeyFile *file = g_key_file_new();

    bailiff_target_fill_record(fixture->target, file, GROUP);
    return file;
}

static gboolean has_ended(GKeyFile *file)
{
    return bailiff_domain_target_record_has_ended(file, GROUP);
}

static void test_record(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GKeyFile) file = NULL;

    start_running(fixture);
    file = record(fixture);
    g_assert_false(has_ended(file));
    /* The pid file says nothing about a process that lives. */
    libvirt_double_write_pid_file(fixture->libvirt, NULL);
    g_assert_false(has_ended(file));
    libvirt_double_end_qemu(fixture->libvirt);
    g_assert_true(has_ended(file));
    /* It was started again, and nobody wrote that down. */
    libvirt_double_start_qemu(fixture->libvirt, DOUBLE_UUID);
    g_assert_false(has_ended(file));
    libvirt_double_end_qemu(fixture->libvirt);
    libvirt_double_write_pid_file(fixture->libvirt, "rubbish\n");
    g_assert_false(has_ended(file));
    libvirt_double_write_pid_file(fixture->libvirt, NULL);
    g_assert_true(has_ended(file));
    /* The number is another process' by now. */
    g_key_file_set_integer(file, GROUP, "Pid", 1);
    g_assert_true(has_ended(file));
}

static void test_record_without_process(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GKeyFile) file = NULL;

    make_target(fixture);
    file = record(fixture);
    g_assert_false(g_key_file_has_key(file, GROUP, "Pid", NULL));
    g_assert_false(has_ended(file)); /* it may be starting */
    g_key_file_set_uint64(file, GROUP, "WrittenUsec", boottime_now() - 61 * G_USEC_PER_SEC);
    g_assert_true(has_ended(file));
    libvirt_double_start_qemu(fixture->libvirt, "00000000-0000-4000-8000-000000000000");
    g_assert_false(has_ended(file)); /* one that is not QEMU yet */
    libvirt_double_end_qemu(fixture->libvirt);
    libvirt_double_start_qemu(fixture->libvirt, DOUBLE_UUID);
    g_assert_false(has_ended(file));
    libvirt_double_end_qemu(fixture->libvirt);
    g_assert_true(has_ended(file));
}

/* What cannot be understood is alive. */
static void test_record_illegible(Fixture *fixture, gconstpointer unused)
{
    static const struct {
        const char *key, *value;
    } cases[] = { { "Domain", "no uuid" },  { "DomainName", "../x" }, { "RunDirectory", "here" },
                  { "Pid", "-7" },          { "StartTime", "soon" },  { "WrittenUsec", "0" },
                  { "WrittenUsec", "-60" }, { "Domain", NULL },       { "DomainName", NULL },
                  { "RunDirectory", NULL }, { "WrittenUsec", NULL } };

    make_target(fixture);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GKeyFile) file = record(fixture);

        g_key_file_set_uint64(file, GROUP, "WrittenUsec", boottime_now() - 61 * G_USEC_PER_SEC);
        g_assert_true(has_ended(file));
        if (cases[i].value != NULL)
            g_key_file_set_string(file, GROUP, cases[i].key, cases[i].value);
        else
            g_key_file_remove_key(file, GROUP, cases[i].key, NULL);
        g_assert_false(has_ended(file));
    }
}

#define ADD(name, function)                                                                        \
    g_test_add("/domain-target/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("bad-arguments", test_bad_arguments);
    ADD("runs-already", test_runs_already);
    ADD("starts-later", test_starts_later);
    ADD("becomes-qemu", test_becomes_qemu);
    ADD("started-again", test_started_again);
    ADD("only-said-to-be-off", test_only_said_to_be_off);
    ADD("start-is-out", test_start_is_out);
    ADD("never-ran", test_never_ran);
    ADD("perhaps-never-ran", test_perhaps_never_ran);
    ADD("resumed-by-event", test_resumed_by_event);
    ADD("resumed-unseen", test_resumed_unseen);
    ADD("resumed-in-doubt", test_resumed_in_doubt);
    ADD("resumed-without-libvirt", test_resumed_without_libvirt);
    ADD("ends-while-quiet", test_ends_while_quiet);
    ADD("record", test_record);
    ADD("record-without-process", test_record_without_process);
    ADD("record-illegible", test_record_illegible);
    return g_test_run();
}
