/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain that goes on: not before what was asked of libvirt earlier has been answered, and never
 * unseen.
 */
#include "actions/domain-target-private.h"
#include "common/bailiff-error.h"
#include "support/libvirt-double.h"

typedef struct Fixture {
    LibvirtDouble *libvirt;
    BailiffTarget *target;
    BailiffDomainTarget *domain; /* the same */
    GCancellable *cancellable;
    GAsyncResult *result;
    guint n_resumed;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer unused)
{
    fixture->libvirt = libvirt_double_new();
    fixture->cancellable = g_cancellable_new();
    fixture->target = libvirt_double_make_target(fixture->libvirt, &fixture->n_resumed);
    fixture->domain = BAILIFF_DOMAIN_TARGET(fixture->target);
}

static void set_up_paused(Fixture *fixture, gconstpointer unused)
{
    set_up(fixture, unused);
    fixture->libvirt->state = LIBVIRT_STATE_PAUSED;
    domain_target_set_quiet(fixture->domain, TRUE);
}

static void set_up_off(Fixture *fixture, gconstpointer unused)
{
    set_up(fixture, unused);
    fixture->libvirt->state = LIBVIRT_STATE_OFF;
    libvirt_double_end_qemu(fixture->libvirt);
    libvirt_double_write_pid_file(fixture->libvirt, NULL);
    WAIT_FOR(bailiff_target_has_ended(fixture->target));
}

static void tear_down(Fixture *fixture, gconstpointer unused)
{
    g_clear_object(&fixture->result);
    g_clear_object(&fixture->target);
    g_object_unref(fixture->cancellable);
    libvirt_double_free(fixture->libvirt);
}

static void resume(Fixture *fixture)
{
    g_clear_object(&fixture->result);
    bailiff_domain_target_resume_async(fixture->domain, fixture->cancellable,
                                       libvirt_double_keep_result, &fixture->result);
}

static void start(Fixture *fixture)
{
    g_clear_object(&fixture->result);
    bailiff_domain_target_start_async(fixture->domain, fixture->cancellable,
                                      libvirt_double_keep_result, &fixture->result);
}

static void assert_worked(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;

    WAIT_FOR(fixture->result != NULL);
    g_assert_true(bailiff_domain_target_resume_finish(fixture->domain, fixture->result, &error));
    g_assert_no_error(error);
}

static void assert_failed(Fixture *fixture, GQuark domain, int code)
{
    g_autoptr(GError) error = NULL;

    WAIT_FOR(fixture->result != NULL);
    g_assert_false(bailiff_domain_target_start_finish(fixture->domain, fixture->result, &error));
    g_assert_error(error, domain, code);
    g_test_message("%s", error->message);
}

static void give_up(Fixture *fixture)
{
    g_cancellable_cancel(fixture->cancellable);
    assert_failed(fixture, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    g_cancellable_reset(fixture->cancellable);
}

/* It goes on by our doing, which is no news. */
static void test_resume(Fixture *fixture, gconstpointer unused)
{
    resume(fixture);
    assert_worked(fixture);
    g_assert_cmpint(fixture->libvirt->state, ==, LIBVIRT_STATE_RUNNING);
    libvirt_double_round_trip(fixture->libvirt);
    libvirt_double_emit(fixture->libvirt, 4, 0);
    libvirt_double_round_trip(fixture->libvirt);
    g_assert_cmpuint(fixture->n_resumed, ==, 0);
}

/* An error of libvirt's is nothing when it runs, and a return is nothing when it does not. */
static void test_judged_by_state(Fixture *fixture, gconstpointer unused)
{
    fixture->libvirt->manners[LIBVIRT_RESUME] = DOUBLE_LIES;
    resume(fixture);
    assert_failed(fixture, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    fixture->libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_FAILS;
    resume(fixture);
    assert_failed(fixture, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    fixture->libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_DOES;
    fixture->libvirt->manners[LIBVIRT_RESUME] = DOUBLE_FAILS;
    resume(fixture);
    assert_failed(fixture, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);

    /* It is still quiet, and watched over. */
    fixture->libvirt->state = LIBVIRT_STATE_RUNNING;
    libvirt_double_emit(fixture->libvirt, 4, 0);
    WAIT_FOR(fixture->n_resumed == 1);
    resume(fixture);
    assert_worked(fixture);
}

static void test_start(Fixture *fixture, gconstpointer unused)
{
    start(fixture);
    assert_worked(fixture);
    g_assert_false(bailiff_target_has_ended(fixture->target));
    WAIT_FOR(bailiff_target_get_process(fixture->target)->pid == fixture->libvirt->qemu);
}

static void test_start_refused(Fixture *fixture, gconstpointer unused)
{
    fixture->libvirt->manners[LIBVIRT_CREATE] = DOUBLE_FAILS;
    start(fixture);
    assert_failed(fixture, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    WAIT_FOR(bailiff_target_has_ended(fixture->target));
}

static void give_up_change(Fixture *fixture, LibvirtMethod method)
{
    g_autoptr(GAsyncResult) result = NULL;

    fixture->libvirt->manners[method] = DOUBLE_HOLDS;
    libvirt_calls_start(libvirt_get_calls(fixture->libvirt->libvirt), method, DOUBLE_UUID, 0,
                        fixture->cancellable, libvirt_double_keep_result, &result);
    WAIT_FOR(fixture->libvirt->held[method].length == 1);
    g_cancellable_cancel(fixture->cancellable);
    WAIT_FOR(result != NULL);
    g_cancellable_reset(fixture->cancellable);
}

/* A Suspend, a Destroy of a failure walk is still out: it must not hit the life that begins. */
static void test_resume_after_suspend(Fixture *fixture, gconstpointer unused)
{
    give_up_change(fixture, LIBVIRT_SUSPEND);
    resume(fixture);
    libvirt_double_round_trip(fixture->libvirt);
    g_assert_cmpuint(fixture->libvirt->n_calls[LIBVIRT_RESUME], ==, 0);
    libvirt_double_let_go_on(fixture->libvirt, LIBVIRT_SUSPEND);
    assert_worked(fixture);
    g_assert_cmpint(fixture->libvirt->state, ==, LIBVIRT_STATE_RUNNING);
}

static void test_start_after_destroy(Fixture *fixture, gconstpointer unused)
{
    give_up_change(fixture, LIBVIRT_DESTROY);
    start(fixture);
    libvirt_double_round_trip(fixture->libvirt);
    g_assert_cmpuint(fixture->libvirt->n_calls[LIBVIRT_CREATE], ==, 0);
    libvirt_double_let_go_on(fixture->libvirt, LIBVIRT_DESTROY);
    assert_worked(fixture);
    g_assert_cmpint(fixture->libvirt->state, ==, LIBVIRT_STATE_RUNNING);
    g_assert_false(bailiff_target_has_ended(fixture->target));
}

/* Whoever it was asked of is gone: it is over when the next one answers. */
static void test_start_after_adrift(Fixture *fixture, gconstpointer unused)
{
    give_up_change(fixture, LIBVIRT_DESTROY);
    libvirt_double_go(fixture->libvirt);
    fixture->libvirt->manners[LIBVIRT_LIST_DOMAINS] = DOUBLE_HOLDS;
    fixture->libvirt->n_calls[LIBVIRT_LIST_DOMAINS] = 0;
    libvirt_double_come(fixture->libvirt);
    start(fixture);
    WAIT_FOR(fixture->libvirt->held[LIBVIRT_LIST_DOMAINS].length == 1);
    libvirt_double_round_trip(fixture->libvirt);
    g_assert_cmpuint(fixture->libvirt->n_calls[LIBVIRT_CREATE], ==, 0);
    libvirt_double_let_go_on(fixture->libvirt, LIBVIRT_LIST_DOMAINS);
    assert_worked(fixture);
}

/* Given up while it waits: nothing is asked of libvirt, then or later. */
static void test_given_up_early(Fixture *fixture, gconstpointer unused)
{
    give_up_change(fixture, LIBVIRT_SUSPEND);
    resume(fixture);
    libvirt_double_round_trip(fixture->libvirt);
    give_up(fixture);
    libvirt_double_let_go_on(fixture->libvirt, LIBVIRT_SUSPEND);
    libvirt_double_round_trip(fixture->libvirt);
    g_assert_cmpuint(fixture->libvirt->n_calls[LIBVIRT_RESUME], ==, 0);
}

/* Given up while Resume is out, which is carried out later: that is told as what it is by then,
 * somebody else's doing. */
static void test_given_up_late(Fixture *fixture, gconstpointer unused)
{
    fixture->libvirt->manners[LIBVIRT_RESUME] = DOUBLE_HOLDS;
    resume(fixture);
    WAIT_FOR(fixture->libvirt->held[LIBVIRT_RESUME].length == 1);
    give_up(fixture);
    g_assert_cmpuint(fixture->n_resumed, ==, 0);
    libvirt_double_let_go_on(fixture->libvirt, LIBVIRT_RESUME);
    WAIT_FOR(fixture->n_resumed == 1);
}

#define ADD(name, set_up_function, function)                                                       \
    g_test_add("/domain-life/" name, Fixture, NULL, set_up_function, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("resume", set_up_paused, test_resume);
    ADD("judged-by-state", set_up_paused, test_judged_by_state);
    ADD("start", set_up_off, test_start);
    ADD("start-refused", set_up_off, test_start_refused);
    ADD("resume-after-suspend", set_up_paused, test_resume_after_suspend);
    ADD("start-after-destroy", set_up_off, test_start_after_destroy);
    ADD("start-after-adrift", set_up_off, test_start_after_adrift);
    ADD("given-up-early", set_up_paused, test_given_up_early);
    ADD("given-up-late", set_up_paused, test_given_up_late);
    return g_test_run();
}
