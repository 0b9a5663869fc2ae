/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Exec steps: a real program, a real launcher, and a process to be registered.
 */
#include <fcntl.h>
#include <sys/wait.h>

#include "actions/action.h"
#include "actions/domain-target.h"
#include "actions/libvirt.h"
#include "actions/process-target.h"
#include "support/launcher-fixture.h"

typedef struct Step {
    ActionServices services;
    ActionRequest request;
    FailurePolicy policy;
    pid_t child;
    GCancellable *cancellable;
    gboolean done;
    ActionOutcome outcome;
    char *detail;
} Step;

static void make_policy(FailurePolicy *policy, const char *const *words)
{
    *policy = (FailurePolicy){ .n_steps = 3 };
    policy->steps[0] = (FailureStep){ .action = FAILURE_ACTION_NOTIFY, .grace_seconds = 1 };
    policy->steps[1] = (FailureStep){ .action = FAILURE_ACTION_EXEC, .grace_seconds = 12 };
    policy->steps[2] = (FailureStep){ .action = FAILURE_ACTION_KILL };
    for (; *words != NULL; words++)
        g_assert_true(failure_policy_add_word(policy, &policy->steps[1], *words));
    g_assert_cmpint(failure_policy_check(policy, NULL, NULL), ==, FAILURE_POLICY_OK);
}

static void set_up_step(Fixture *fixture, Step *step, const char *const *words)
{
    g_auto(ProcessIdentity) process = { .pidfd = -1 };
    g_autoptr(GError) error = NULL;

    *step = (Step){ .services = { .launcher = fixture->launcher } };
    step->child = fork();
    if (step->child == 0) {
        alarm(300);
        for (;;)
            pause();
    }
    process_identity_from_pid(&process, step->child, 0, &error);
    g_assert_no_error(error);
    make_policy(&step->policy, words);
    step->request = (ActionRequest){ .target = bailiff_process_target_new(&process, FALSE),
                                     .policy = &step->policy,
                                     .step = &step->policy.steps[1],
                                     .until_us = boottime_now() + 1000 * USEC_PER_SECOND,
                                     .lockspace = "space",
                                     .registration_id = 17,
                                     .registration_name = "worker one",
                                     .owner_uid = geteuid() };
    step->cancellable = g_cancellable_new();
}

static void tear_down_step(Step *step)
{
    g_assert_no_errno(kill(step->child, SIGKILL));
    g_assert_cmpint(waitpid(step->child, NULL, 0), ==, step->child);
    g_clear_object(&step->request.target);
    g_clear_object(&step->cancellable);
    g_free(step->detail);
}

static void on_answered(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Step *step = user_data;

    g_assert_false(step->done);
    step->outcome = action_finish(result, &step->detail);
    step->done = TRUE;
}

static gboolean is_answered(gconstpointer data)
{
    return ((const Step *)data)->done;
}

static void begin_step(Step *step)
{
    ActionRequest request = step->request;
    FailurePolicy policy = step->policy;

    /* What it is given is only lent. */
    request.policy = &policy;
    request.step = &policy.steps[1];
    action_start(&step->services, &request, step->cancellable, on_answered, step);
    memset(&policy, 0xee, sizeof policy);
}

static void do_step(Step *step)
{
    begin_step(step);
    wait_until(is_answered, step);
}

static void assert_answer(const Step *step, ActionOutcome outcome, const char *text)
{
    g_assert_true(step->done);
    g_assert_cmpint(step->outcome, ==, outcome);
    g_assert_nonnull(strstr(step->detail, text));
}

/* The lines that the script has written into its file. */
static char **read_lines(const char *path)
{
    g_autofree char *name = g_strconcat(path, ".out", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(name, &text, NULL, &error);
    g_assert_no_error(error);
    return g_strsplit(g_strchomp(text), "\n", -1);
}

#define SHOW "{ for word; do echo \"<$word>\"; done; tr '\\0' '\\n' </proc/$$/environ; } >$0.out"

static void test_what_it_gets(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "show", SHOW);
    const char *const words[] = { path, "a b", "--c", NULL };
    Step step;

    set_up_step(fixture, &step, words);
    g_autofree char *pid = g_strdup_printf("BAILIFF_PID=%d", step.child);
    const char *const expected[] = { "<a b>",
                                     "<--c>",
                                     "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                     "LANG=C.UTF-8",
                                     "BAILIFF_LOCKSPACE=space",
                                     "BAILIFF_REGISTRATION=worker one",
                                     "BAILIFF_REGISTRATION_ID=17",
                                     "BAILIFF_KIND=process",
                                     pid,
                                     "BAILIFF_STEP=1",
                                     "BAILIFF_STEP_SECONDS=12",
                                     NULL };
    do_step(&step);
    assert_answer(&step, ACTION_WORKED, "status 0");
    g_auto(GStrv) lines = read_lines(path);
    g_assert_cmpstrv(lines, expected);
    tear_down_step(&step);
}

/* One that does not run: there is no process to tell of. */
static void test_domain(Fixture *fixture, gconstpointer unused)
{
    const char *uuid = "7c5e5b0e-4c2e-4f0b-9a55-0d6c8f4f2a11";
    g_autofree char *path = write_script(fixture, "show", SHOW);
    g_autoptr(BailiffLibvirt) libvirt = bailiff_libvirt_new("QEMU", fixture->directory);
    const char *const words[] = { path, NULL };
    g_autoptr(GError) error = NULL;
    guint n_found = 0;
    Step step;

    set_up_step(fixture, &step, words);
    g_object_unref(step.request.target);
    step.request.target = bailiff_domain_target_new(libvirt, uuid, "guest one", &error);
    g_assert_no_error(error);
    do_step(&step);
    assert_answer(&step, ACTION_WORKED, "status 0");
    g_auto(GStrv) lines = read_lines(path);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_assert_false(g_str_has_prefix(lines[i], "BAILIFF_PID="));
        g_assert_false(g_str_has_prefix(lines[i], "BAILIFF_UNIT="));
        n_found += g_str_equal(lines[i], "BAILIFF_KIND=domain") ||
                   g_str_equal(lines[i], "BAILIFF_DOMAIN=7c5e5b0e-4c2e-4f0b-9a55-0d6c8f4f2a11") ||
                   g_str_equal(lines[i], "BAILIFF_DOMAIN_NAME=guest one");
    }
    g_assert_cmpuint(n_found, ==, 3);
    tear_down_step(&step);
}

static void test_drill(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "show", SHOW);
    const char *const words[] = { path, NULL };
    Step step;

    set_up_step(fixture, &step, words);
    step.request.lockspace = "";
    do_step(&step);
    assert_answer(&step, ACTION_WORKED, "status 0");
    g_auto(GStrv) lines = read_lines(path);
    g_assert_true(g_strv_contains((const char *const *)lines, "BAILIFF_DRILL=1"));
    for (guint i = 0; lines[i] != NULL; i++)
        g_assert_false(g_str_has_prefix(lines[i], "BAILIFF_LOCKSPACE"));
    tear_down_step(&step);
}

static void test_output_names_the_registration(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "talks", "echo hello");
    const char *const words[] = { path, NULL };
    Step step;

    set_up_step(fixture, &step, words);
    do_step(&step);
    assert_answer(&step, ACTION_WORKED, "status 0");
    g_assert_true(has_message("Registration worker one, talks: hello"));
    tear_down_step(&step);
}

static void test_failures(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "fails", "exit 4");
    const char *const fails[] = { path, NULL };
    const char *const missing[] = { "/no/such/program", NULL };
    Step step;

    set_up_step(fixture, &step, fails);
    do_step(&step);
    assert_answer(&step, ACTION_FAILED, "status 4");
    tear_down_step(&step);

    set_up_step(fixture, &step, missing);
    do_step(&step);
    assert_answer(&step, ACTION_FAILED, "/no/such/program");
    tear_down_step(&step);

    set_up_step(fixture, &step, fails);
    step.services.launcher = NULL;
    do_step(&step);
    assert_answer(&step, ACTION_FAILED, "no launcher");
    tear_down_step(&step);
}

static void test_limit(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "hangs", LIVE_ON);
    const char *const words[] = { path, NULL };
    Step step;

    set_up_step(fixture, &step, words);
    step.request.until_us = boottime_now() + USEC_PER_SECOND / 2;
    do_step(&step);
    assert_answer(&step, ACTION_FAILED, "at its limit");
    wait_until(is_gone, path);
    tear_down_step(&step);
}

static void test_cancel(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = write_script(fixture, "hangs", "echo >$0.out; " LIVE_ON);
    g_autofree char *out = g_strconcat(path, ".out", NULL);
    const char *const words[] = { path, NULL };
    Step step;

    set_up_step(fixture, &step, words);
    begin_step(&step);
    wait_until(file_exists, out);
    g_assert_false(step.done);
    g_cancellable_cancel(step.cancellable);
    wait_until(is_answered, &step);
    assert_answer(&step, ACTION_FAILED, "its step was over");
    wait_until(is_gone, path);
    tear_down_step(&step);
}

static void test_user(Fixture *fixture, gconstpointer unused)
{
    const char *const words[] = { "/usr/bin/id", NULL };
    Step step;

    if (geteuid() != 0) {
        g_test_skip("only root can become another user");
        return;
    }
    set_up_step(fixture, &step, words);
    step.request.owner_uid = 61234;
    do_step(&step);
    assert_answer(&step, ACTION_WORKED, "status 0");
    g_assert_true(has_message("Registration worker one, id: "
                              "uid=61234 gid=65534(nogroup) groups=65534(nogroup)"));
    tear_down_step(&step);
}

static void add(const char *name, void (*test)(Fixture *, gconstpointer))
{
    g_autofree char *path = g_strconcat("/action-exec/", name, NULL);

    g_test_add(path, Fixture, NULL, set_up, test, tear_down);
}

int main(int argc, char **argv)
{
    int status;

    if (launcher_fixture_main(argc, argv, &status))
        return status;
    g_test_init(&argc, &argv, NULL);
    add("what-it-gets", test_what_it_gets);
    add("domain", test_domain);
    add("drill", test_drill);
    add("output-names-the-registration", test_output_names_the_registration);
    add("failures", test_failures);
    add("limit", test_limit);
    add("cancel", test_cancel);
    add("user", test_user);
    return g_test_run();
}
