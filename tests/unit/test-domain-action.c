/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pause and poweroff, by a libvirt that is well, absent, silent, late, in error, or that lies: the
 * caller gets its answer in time, and never a better one than was proved.
 */
#include <signal.h>
#include <string.h>

#include "actions/action.h"
#include "actions/domain-target-private.h"
#include "base/checked-time.h"
#include "common/boottime.h"
#include "support/libvirt-double.h"

typedef struct Fixture {
    LibvirtDouble *libvirt;
    BailiffTarget *target;
    GCancellable *cancellable;
    GAsyncResult *result;
    char *detail;
    guint n_resumed;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer unused)
{
    fixture->libvirt = libvirt_double_new();
    fixture->cancellable = g_cancellable_new();
    fixture->target = libvirt_double_make_target(fixture->libvirt, &fixture->n_resumed);
}

static void tear_down(Fixture *fixture, gconstpointer unused)
{
    g_clear_object(&fixture->result);
    g_clear_object(&fixture->target);
    g_object_unref(fixture->cancellable);
    g_free(fixture->detail);
    libvirt_double_free(fixture->libvirt);
}

static void begin_until(Fixture *fixture, FailureAction action, guint64 until_us)
{
    static const FailurePolicy policy = { .n_steps = 0 };
    FailureStep step = { .action = action, .grace_seconds = 10 };
    ActionServices services = { .libvirt = fixture->libvirt->libvirt };
    ActionRequest request = { .target = fixture->target,
                              .policy = &policy,
                              .step = &step,
                              .until_us = until_us,
                              .lockspace = "LS",
                              .registration_name = "guest" };

    g_clear_object(&fixture->result);
    action_start(&services, &request, fixture->cancellable, libvirt_double_keep_result,
                 &fixture->result);
}

static void begin(Fixture *fixture, FailureAction action)
{
    begin_until(fixture, action, TIME_NEVER);
}

static void assert_outcome(Fixture *fixture, ActionOutcome wanted)
{
    WAIT_FOR(fixture->result != NULL);
    g_clear_pointer(&fixture->detail, g_free);
    g_assert_cmpint(action_finish(fixture->result, &fixture->detail), ==, wanted);
    g_assert_nonnull(fixture->detail);
    g_assert_null(strchr(fixture->detail, '\n'));
    g_test_message("%s", fixture->detail);
}

static void give_up(Fixture *fixture)
{
    g_cancellable_cancel(fixture->cancellable);
    assert_outcome(fixture, ACTION_FAILED);
    g_cancellable_reset(fixture->cancellable);
}

static void wait_until_held(Fixture *fixture, LibvirtMethod method)
{
    WAIT_FOR(fixture->libvirt->held[method].length > 0);
}

static gboolean has_out(Fixture *fixture, guint methods)
{
    return libvirt_calls_has(libvirt_get_calls(fixture->libvirt->libvirt), DOUBLE_UUID, methods);
}

/* --- pause
 * ----------------------------------------------------------------------------------------- */

static void test_pause(Fixture *fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = fixture->libvirt;

    begin(fixture, FAILURE_ACTION_PAUSE);
    assert_outcome(fixture, ACTION_QUIET);
    g_assert_cmpint(libvirt->state, ==, LIBVIRT_STATE_PAUSED);
    g_assert_cmpuint(libvirt->n_calls[LIBVIRT_ASK_QEMU], ==, 1);
    g_assert_false(bailiff_target_has_ended(fixture->target));
    g_assert_cmpuint(fixture->n_resumed, ==, 0);

    /* From now on somebody who lets it go on is noticed. */
    libvirt->state = LIBVIRT_STATE_RUNNING;
    libvirt_double_emit(libvirt, 4, 0);
    WAIT_FOR(fixture->n_resumed == 1);
}

/* Event and state come first; it is the return that counts. */
static void test_pause_not_returned(Fixture *fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = fixture->libvirt;

    libvirt->manners[LIBVIRT_SUSPEND] = DOUBLE_HOLDS;
    begin(fixture, FAILURE_ACTION_PAUSE);
    wait_until_held(fixture, LIBVIRT_SUSPEND);
    libvirt->state = LIBVIRT_STATE_PAUSED;
    libvirt_double_emit(libvirt, 3, 0);
    libvirt_double_round_trip(libvirt);
    g_assert_null(fixture->result);
    libvirt_double_let_go_on(libvirt, LIBVIRT_SUSPEND);
    assert_outcome(fixture, ACTION_QUIET);
}

/* libvirt took it for paused and did nothing, and QEMU is still waiting for its disk. */
static void test_pause_not_drained(Fixture *fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = fixture->libvirt;

    libvirt->state = LIBVIRT_STATE_PAUSED;
    libvirt->manners[LIBVIRT_ASK_QEMU] = DOUBLE_HOLDS;
    begin(fixture, FAILURE_ACTION_PAUSE);
    wait_until_held(fixture, LIBVIRT_ASK_QEMU);
    libvirt_double_round_trip(libvirt);
    g_assert_null(fixture->result);
    give_up(fixture);

    libvirt->manners[LIBVIRT_ASK_QEMU] = DOUBLE_FAILS;
    begin(fixture, FAILURE_ACTION_PAUSE);
    assert_outcome(fixture, ACTION_FAILED);
}

static void test_pause_absent(Fixture *fixture, gconstpointer unused)
{
    libvirt_double_go(fixture->libvirt);
    begin(fixture, FAILURE_ACTION_PAUSE);
    assert_outcome(fixture, ACTION_FAILED);
    g_assert_false(has_out(fixture, LIBVIRT_CHANGES));
}

/* Silence ends at the end of the grace, whoever looks at the time; the call is remembered, and done
 * late it is no resume and no second answer. */
static void test_pause_silent(Fixture *fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = fixture->libvirt;
    guint64 until_us = boottime_now() + G_USEC_PER_SEC / 10;
    guint n_in_time;

    libvirt->manners[LIBVIRT_SUSPEND] = DOUBLE_HOLDS;
    begin_until(fixture, FAILURE_ACTION_PAUSE, until_us);
    assert_outcome(fixture, ACTION_FAILED);
    g_assert_cmpuint(boottime_now(), >=, until_us);
    /* On a slow machine the time is over before anything was asked. */
    libvirt_double_round_trip(libvirt);
    n_in_time = libvirt->held[LIBVIRT_SUSPEND].length;
    begin(fixture, FAILURE_ACTION_PAUSE);
    WAIT_FOR(libvirt->held[LIBVIRT_SUSPEND].length == n_in_time + 1);
    give_up(fixture);
    g_assert_true(has_out(fixture, LIBVIRT_METHOD_BIT(LIBVIRT_SUSPEND)));

    while (libvirt->held[LIBVIRT_SUSPEND].length > 0)
        libvirt_double_let_go_on(libvirt, LIBVIRT_SUSPEND);
    WAIT_FOR(!has_out(fixture, LIBVIRT_CHANGES));
    libvirt_double_round_trip(libvirt);
    g_assert_cmpint(libvirt->state, ==, LIBVIRT_STATE_PAUSED);
    g_assert_cmpuint(fixture->n_resumed, ==, 0);
}

static void test_pause_error(Fixture *fixture, gconstpointer unused)
{
    fixture->libvirt->manners[LIBVIRT_SUSPEND] = DOUBLE_FAILS;
    /* Paused by somebody, perhaps with I/O out: an error proves nothing. */
    fixture->libvirt->state = LIBVIRT_STATE_PAUSED;
    begin(fixture, FAILURE_ACTION_PAUSE);
    assert_outcome(fixture, ACTION_FAILED);
    g_assert_nonnull(strstr(fixture->detail, "it is as it is"));
}

static void test_pause_lie(Fixture *fixture, gconstpointer unused)
{
    fixture->libvirt->manners[LIBVIRT_SUSPEND] = DOUBLE_LIES;
    begin(fixture, FAILURE_ACTION_PAUSE);
    assert_outcome(fixture, ACTION_FAILED);
    g_assert_nonnull(strstr(fixture->detail, "running"));
}

/* The question how it is takes 5 s now and then: it is asked again. */
static void test_pause_slow_state(Fixture *fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = fixture->libvirt;

    libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_HOLDS;
    begin(fixture, FAILURE_ACTION_PAUSE);
    wait_until_held(fixture, LIBVIRT_GET_STATE);
    libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_DOES;
    assert_outcome(fixture, ACTION_QUIET);
    g_assert_cmpuint(libvirt->held[LIBVIRT_GET_STATE].length, ==, 1);
}

static void test_pause_no_state(Fixture *fixture, gconstpointer unused)
{
    fixture->libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_HOLDS;
    begin(fixture, FAILURE_ACTION_PAUSE);
    wait_until_held(fixture, LIBVIRT_GET_STATE);
    give_up(fixture);
    g_clear_object(&fixture->result);
    fixture->libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_FAILS;
    begin(fixture, FAILURE_ACTION_PAUSE);
    assert_outcome(fixture, ACTION_FAILED);
}

static void test_pause_owner_vanishes(Fixture *fixture, gconstpointer unused)
{
    fixture->libvirt->manners[LIBVIRT_SUSPEND] = DOUBLE_HOLDS;
    begin(fixture, FAILURE_ACTION_PAUSE);
    wait_until_held(fixture, LIBVIRT_SUSPEND);
    libvirt_double_go(fixture->libvirt);
    assert_outcome(fixture, ACTION_FAILED);
    g_assert_true(has_out(fixture, LIBVIRT_METHOD_BIT(LIBVIRT_SUSPEND)));
    libvirt_double_come(fixture->libvirt);
    WAIT_FOR(!has_out(fixture, LIBVIRT_CHANGES));
}

/* It was started again while it was being paused: whatever was proved is true of another one. */
static void test_pause_other_process(Fixture *fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = fixture->libvirt;

    libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_HOLDS;
    begin(fixture, FAILURE_ACTION_PAUSE);
    wait_until_held(fixture, LIBVIRT_GET_STATE);
    libvirt_double_end_qemu(libvirt);
    libvirt_double_start_qemu(libvirt, DOUBLE_UUID);
    libvirt_double_let_go_on(libvirt, LIBVIRT_GET_STATE);
    assert_outcome(fixture, ACTION_FAILED);
    g_assert_nonnull(strstr(fixture->detail, "another process"));
}

static void test_pause_ends(Fixture *fixture, gconstpointer unused)
{
    fixture->libvirt->manners[LIBVIRT_SUSPEND] = DOUBLE_HOLDS;
    begin(fixture, FAILURE_ACTION_PAUSE);
    wait_until_held(fixture, LIBVIRT_SUSPEND);
    libvirt_double_end_qemu(fixture->libvirt);
    assert_outcome(fixture, ACTION_WORKED);
    /* And when it has ended already, nobody is asked. */
    begin(fixture, FAILURE_ACTION_PAUSE);
    assert_outcome(fixture, ACTION_WORKED);
    g_assert_cmpuint(fixture->libvirt->n_calls[LIBVIRT_SUSPEND], ==, 1);
}

/* A Resume that a recovery gave up is still out: it would undo any pause, so it is waited for. */
static void test_pause_after_resume(Fixture *fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = fixture->libvirt;
    g_autoptr(GAsyncResult) resumed = NULL;

    begin(fixture, FAILURE_ACTION_PAUSE);
    assert_outcome(fixture, ACTION_QUIET);
    libvirt->manners[LIBVIRT_RESUME] = DOUBLE_HOLDS;
    bailiff_domain_target_resume_async(BAILIFF_DOMAIN_TARGET(fixture->target), fixture->cancellable,
                                       libvirt_double_keep_result, &resumed);
    wait_until_held(fixture, LIBVIRT_RESUME);
    g_cancellable_cancel(fixture->cancellable);
    WAIT_FOR(resumed != NULL);
    g_cancellable_reset(fixture->cancellable);

    begin(fixture, FAILURE_ACTION_PAUSE);
    libvirt_double_round_trip(libvirt);
    give_up(fixture);
    g_assert_cmpuint(libvirt->n_calls[LIBVIRT_SUSPEND], ==, 1);
    begin(fixture, FAILURE_ACTION_PAUSE);
    libvirt_double_let_go_on(libvirt, LIBVIRT_RESUME);
    assert_outcome(fixture, ACTION_QUIET);
    g_assert_cmpint(libvirt->state, ==, LIBVIRT_STATE_PAUSED);
    g_assert_cmpuint(libvirt->n_calls[LIBVIRT_SUSPEND], ==, 2);
}

/* --- poweroff
 * -------------------------------------------------------------------------------------- */

static void test_poweroff(Fixture *fixture, gconstpointer action)
{
    begin(fixture, (FailureAction)GPOINTER_TO_INT(action));
    assert_outcome(fixture, ACTION_WORKED);
    g_assert_true(bailiff_target_has_ended(fixture->target));
}

/* "Destroyed" is not gone: not by Destroy's return, not by the event, not by the state. */
static void test_poweroff_lives_on(Fixture *fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = fixture->libvirt;

    libvirt->destroy_leaves_process = TRUE;
    begin(fixture, FAILURE_ACTION_POWEROFF);
    WAIT_FOR(libvirt->state == LIBVIRT_STATE_OFF);
    libvirt_double_round_trip(libvirt);
    g_assert_null(fixture->result);
    give_up(fixture);
    g_assert_nonnull(strstr(fixture->detail, "its process has not ended"));

    begin(fixture, FAILURE_ACTION_POWEROFF);
    libvirt_double_round_trip(libvirt);
    g_assert_null(fixture->result);
    libvirt_double_end_qemu(libvirt);
    assert_outcome(fixture, ACTION_WORKED);
}

static void test_poweroff_lie(Fixture *fixture, gconstpointer unused)
{
    fixture->libvirt->manners[LIBVIRT_DESTROY] = DOUBLE_LIES;
    begin_until(fixture, FAILURE_ACTION_POWEROFF, boottime_now() + G_USEC_PER_SEC / 10);
    assert_outcome(fixture, ACTION_FAILED);
}

static void test_poweroff_error(Fixture *fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = fixture->libvirt;

    libvirt->manners[LIBVIRT_DESTROY] = DOUBLE_FAILS;
    begin(fixture, FAILURE_ACTION_POWEROFF);
    assert_outcome(fixture, ACTION_FAILED);
    g_assert_nonnull(strstr(fixture->detail, "running"));

    libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_FAILS;
    begin(fixture, FAILURE_ACTION_POWEROFF);
    assert_outcome(fixture, ACTION_FAILED);

    /* The error was that it is off already; its process is about to end. */
    libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_DOES;
    libvirt->state = LIBVIRT_STATE_OFF;
    begin(fixture, FAILURE_ACTION_POWEROFF);
    libvirt_double_round_trip(libvirt);
    g_assert_null(fixture->result);
    libvirt_double_end_qemu(libvirt);
    assert_outcome(fixture, ACTION_WORKED);
}

static void test_poweroff_silent(Fixture *fixture, gconstpointer unused)
{
    fixture->libvirt->manners[LIBVIRT_DESTROY] = DOUBLE_HOLDS;
    begin(fixture, FAILURE_ACTION_POWEROFF);
    wait_until_held(fixture, LIBVIRT_DESTROY);
    give_up(fixture);
    g_assert_true(has_out(fixture, LIBVIRT_METHOD_BIT(LIBVIRT_DESTROY)));
    /* What is proved needs no answer. */
    begin(fixture, FAILURE_ACTION_POWEROFF);
    libvirt_double_end_qemu(fixture->libvirt);
    assert_outcome(fixture, ACTION_WORKED);
}

static void test_poweroff_absent(Fixture *fixture, gconstpointer unused)
{
    libvirt_double_go(fixture->libvirt);
    begin(fixture, FAILURE_ACTION_POWEROFF);
    assert_outcome(fixture, ACTION_FAILED);
}

static void test_poweroff_owner_vanishes(Fixture *fixture, gconstpointer unused)
{
    fixture->libvirt->manners[LIBVIRT_DESTROY] = DOUBLE_HOLDS;
    begin(fixture, FAILURE_ACTION_POWEROFF);
    wait_until_held(fixture, LIBVIRT_DESTROY);
    libvirt_double_go(fixture->libvirt);
    assert_outcome(fixture, ACTION_FAILED);
    g_assert_true(has_out(fixture, LIBVIRT_METHOD_BIT(LIBVIRT_DESTROY)));
}

/* --- both
 * ------------------------------------------------------------------------------------------ */

static void test_not_begun(Fixture *fixture, gconstpointer unused)
{
    static const FailurePolicy policy = { .n_steps = 0 };
    static const FailureStep step = { .action = FAILURE_ACTION_PAUSE, .grace_seconds = 10 };
    ActionServices without_libvirt = { .libvirt = NULL };
    ActionRequest request = {
        .target = fixture->target, .policy = &policy, .step = &step, .until_us = TIME_NEVER
    };

    g_cancellable_cancel(fixture->cancellable);
    begin(fixture, FAILURE_ACTION_PAUSE);
    assert_outcome(fixture, ACTION_FAILED);
    begin(fixture, FAILURE_ACTION_POWEROFF);
    assert_outcome(fixture, ACTION_FAILED);
    libvirt_double_round_trip(fixture->libvirt);
    g_assert_cmpuint(fixture->libvirt->n_calls[LIBVIRT_SUSPEND], ==, 0);
    g_assert_cmpuint(fixture->libvirt->n_calls[LIBVIRT_DESTROY], ==, 0);

    g_clear_object(&fixture->result);
    action_start(&without_libvirt, &request, NULL, libvirt_double_keep_result, &fixture->result);
    assert_outcome(fixture, ACTION_FAILED);
}

/* No process of it is known, so that nothing can be proved of it. */
static void test_no_process(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;

    g_object_unref(fixture->target);
    libvirt_double_end_qemu(fixture->libvirt);
    fixture->target =
        bailiff_domain_target_new(fixture->libvirt->libvirt, DOUBLE_UUID, DOUBLE_NAME, &error);
    g_assert_no_error(error);
    begin(fixture, FAILURE_ACTION_PAUSE);
    assert_outcome(fixture, ACTION_FAILED);
    begin(fixture, FAILURE_ACTION_POWEROFF);
    assert_outcome(fixture, ACTION_FAILED);
}

#define ADD(name, function) ADD_WITH(name, function, NULL)
#define ADD_WITH(name, function, data)                                                             \
    g_test_add("/domain-action/" name, Fixture, data, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("pause", test_pause);
    ADD("pause-not-returned", test_pause_not_returned);
    ADD("pause-not-drained", test_pause_not_drained);
    ADD("pause-absent", test_pause_absent);
    ADD("pause-silent", test_pause_silent);
    ADD("pause-error", test_pause_error);
    ADD("pause-lie", test_pause_lie);
    ADD("pause-slow-state", test_pause_slow_state);
    ADD("pause-no-state", test_pause_no_state);
    ADD("pause-owner-vanishes", test_pause_owner_vanishes);
    ADD("pause-other-process", test_pause_other_process);
    ADD("pause-ends", test_pause_ends);
    ADD("pause-after-resume", test_pause_after_resume);
    ADD_WITH("poweroff", test_poweroff, GINT_TO_POINTER(FAILURE_ACTION_POWEROFF));
    ADD_WITH("restart", test_poweroff, GINT_TO_POINTER(FAILURE_ACTION_RESTART));
    ADD("poweroff-lives-on", test_poweroff_lives_on);
    ADD("poweroff-lie", test_poweroff_lie);
    ADD("poweroff-error", test_poweroff_error);
    ADD("poweroff-silent", test_poweroff_silent);
    ADD("poweroff-absent", test_poweroff_absent);
    ADD("poweroff-owner-vanishes", test_poweroff_owner_vanishes);
    ADD("not-begun", test_not_begun);
    ADD("no-process", test_no_process);
    return g_test_run();
}
