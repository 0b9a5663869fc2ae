/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who is killed by the guard's threads, and who is not, when a lockspace has failed for so long
 * that the budget of failure policies is over, and the main loop does nothing. (That it also kills
 * when nobody notices that the lockspace fails takes 48 seconds: test_failure_blocked.py.)
 */
#include <sys/resource.h>

#include "support/engine-fixture.h"

#include "engine/engine-private.h"
#include "base/checked-time.h"
#include "engine/lockspace-private.h"
#include "engine/registration-private.h"

#define ALIGN (1024 * 1024)

static const FailurePolicy ignore = { .steps = { { .action = FAILURE_ACTION_IGNORE } },
                                      .n_steps = 1 };
static const FailurePolicy kill_policy = { .steps = { { .action = FAILURE_ACTION_KILL } },
                                           .n_steps = 1 };

static BailiffLockspace *start(Fixture *fixture)
{
    format(fixture, NULL, 0);
    format(fixture, "one", ALIGN);
    format(fixture, "two", 2 * ALIGN);
    return join(fixture);
}

static void hold(Fixture *fixture, BailiffRegistration *registration, const char *resource)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) got = acquire(fixture, registration, resource,
                                       g_str_equal(resource, "one") ? ALIGN : 2 * ALIGN, &error);

    g_assert_no_error(error);
}

static void let_go(Fixture *fixture, BailiffRegistration *registration)
{
    bailiff_registration_release_async(registration, NULL, on_result, fixture);
    g_autoptr(GAsyncResult) result = wait_for_result(fixture);

    g_assert_true(bailiff_registration_release_finish(registration, result, NULL));
}

static void set_policy(BailiffRegistration *registration, const FailurePolicy *policy)
{
    g_autoptr(GError) error = NULL;

    bailiff_registration_set_failure_policy(registration, policy, 0, &error);
    g_assert_no_error(error);
}

static guint64 count_kills(Fixture *fixture)
{
    return kill_guard_count_kills(bailiff_engine_get_kill_guard(fixture->engine));
}

/* As if the main loop hung: the line's time comes, and nothing else happens. A process beside the
 * engine's that is killed under the same line afterwards shows that the guard has been there. */
static void let_time_pass(Fixture *fixture, BailiffLockspace *lockspace, guint64 n_kills)
{
    KillGuard *guard = bailiff_engine_get_kill_guard(fixture->engine);
    g_auto(ProcessIdentity) process = { .pidfd = -1 };
    KillGuardTarget target = KILL_GUARD_TARGET_NONE;
    g_autoptr(GError) error = NULL;
    pid_t pid = start_child(fixture);

    process_identity_from_pid(&process, pid, 0, &error);
    g_assert_no_error(error);
    target.pidfd = process.pidfd;
    target.pid = pid;
    kill_guard_set_line(guard, lockspace->kill_line, 1);
    g_assert_cmpuint(kill_guard_add(guard, lockspace->kill_line, &target, NULL), !=, 0);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    g_ptr_array_remove(fixture->children, GINT_TO_POINTER(pid));
    while (count_kills(fixture) < n_kills + 1)
        g_thread_yield();
    g_assert_cmpuint(count_kills(fixture), ==, n_kills + 1);
    kill_guard_set_line(guard, lockspace->kill_line, TIME_NEVER);
}

static gboolean lives(pid_t pid)
{
    g_auto(ProcessIdentity) process = { .pidfd = -1 };

    return process_identity_from_pid(&process, pid, 0, NULL);
}

static void test_holders(Fixture *fixture, gconstpointer data)
{
    BailiffLockspace *lockspace;
    BailiffRegistration *holder, *other;
    pid_t holding, idle;

    if (skip_without_pidfds())
        return;
    lockspace = start(fixture);
    holding = start_child(fixture);
    idle = start_child(fixture);
    holder = register_child(fixture, holding, "holder");
    other = register_child(fixture, idle, "other");
    g_assert_cmpuint(lockspace->kill_line, ==, 0);
    hold(fixture, holder, "one");
    hold(fixture, holder, "two");
    g_assert_cmpuint(lockspace->kill_line, !=, 0);
    let_go(fixture, holder);
    hold(fixture, holder, "one");
    hold(fixture, other, "two");
    let_go(fixture, other);
    let_time_pass(fixture, lockspace, 1);
    WAIT_FOR(!lives(holding));
    g_assert_true(lives(idle));
}

static void test_released(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    BailiffLockspace *lockspace;
    BailiffRegistration *registration;
    pid_t pid;

    if (skip_without_pidfds())
        return;
    lockspace = start(fixture);
    pid = start_child(fixture);
    registration = register_child(fixture, pid, "one");
    for (guint i = 0; i < 20; i++) {
        hold(fixture, registration, "one");
        let_go(fixture, registration);
    }
    /* A call that fails leaves nothing behind. */
    g_assert_null(acquire(fixture, registration, "none", 3 * ALIGN, &error));
    g_assert_nonnull(error);
    let_time_pass(fixture, lockspace, 0);
    g_assert_true(lives(pid));
}

static void test_policies(Fixture *fixture, gconstpointer data)
{
    BailiffLockspace *lockspace;
    BailiffRegistration *ignoring, *changed;
    pid_t ignoring_pid, changed_pid;

    if (skip_without_pidfds())
        return;
    lockspace = start(fixture);
    ignoring_pid = start_child(fixture);
    changed_pid = start_child(fixture);
    ignoring = register_child(fixture, ignoring_pid, "ignoring");
    changed = register_child(fixture, changed_pid, "changed");
    hold(fixture, ignoring, "one");
    set_policy(ignoring, &ignore);
    set_policy(changed, &ignore);
    hold(fixture, changed, "two");
    set_policy(changed, &kill_policy);
    let_time_pass(fixture, lockspace, 1);
    WAIT_FOR(!lives(changed_pid));
    g_assert_true(lives(ignoring_pid));
}

/* While its lease is being acquired, so that there is none yet to prepare it for. */
static void test_policy_changed_meanwhile(Fixture *fixture, gconstpointer data)
{
    BailiffLockspace *lockspace;
    BailiffRegistration *changed;
    g_autoptr(GPtrArray) got = NULL;
    pid_t pid;

    if (skip_without_pidfds())
        return;
    lockspace = start(fixture);
    pid = start_child(fixture);
    changed = register_child(fixture, pid, "changed");
    set_policy(changed, &ignore);
    /* Somebody else has a line made. */
    hold(fixture, register_child(fixture, start_child(fixture), "other"), "two");
    const BailiffLeaseWish wish = {
        .lockspace = SPACE, .resource = "one", .path = fixture->path, .offset = ALIGN
    };
    bailiff_registration_acquire_async(changed, &wish, 1, NULL, on_result, fixture);
    set_policy(changed, &kill_policy);
    g_autoptr(GAsyncResult) result = wait_for_result(fixture);
    got = bailiff_registration_acquire_finish(changed, result, NULL);
    g_assert_nonnull(got);
    let_time_pass(fixture, lockspace, 2);
    WAIT_FOR(!lives(pid));
}

/* Others have taken what is held: the budget was over long ago. */
static void test_taken(Fixture *fixture, gconstpointer data)
{
    BailiffLockspace *lockspace;
    BailiffRegistration *registration;
    pid_t pid;

    if (skip_without_pidfds())
        return;
    lockspace = start(fixture);
    pid = start_child(fixture);
    registration = register_child(fixture, pid, "one");
    hold(fixture, registration, "one");
    /* The failure policy is in no hurry; the guard is. */
    bailiff_lockspace_fail_taken(lockspace, "Taken.\nNothing helps.");
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    g_ptr_array_remove(fixture->children, GINT_TO_POINTER(pid));
    WAIT_FOR(bailiff_lockspace_get_state(lockspace) == BAILIFF_LOCKSPACE_LOST);
    g_assert_cmpuint(lockspace->kill_line, ==, 0);
}

static gboolean lower_limit(struct rlimit *before)
{
    struct rlimit none;
    int last = open("/dev/null", O_RDONLY | O_CLOEXEC);

    getrlimit(RLIMIT_NOFILE, before);
    none = (struct rlimit){ .rlim_cur = (rlim_t)last, .rlim_max = before->rlim_max };
    close(last);
    return setrlimit(RLIMIT_NOFILE, &none) == 0;
}

/* No descriptor for the guard: no lease. Nothing is begun with so few, so the guard is asked by
 * itself, as it is when they run out after that. */
static void test_refused(Fixture *fixture, gconstpointer data)
{
    BailiffRegistration *registration;
    g_autoptr(GPtrArray) left = NULL;
    g_autoptr(GError) early = NULL, error = NULL;
    const BailiffLeaseWish wish = { .lockspace = SPACE, .resource = "one" };
    struct rlimit before;

    if (skip_without_pidfds())
        return;
    start(fixture);
    registration = register_child(fixture, start_child(fixture), "one");
    g_assert_true(lower_limit(&before));
    g_assert_null(acquire(fixture, registration, "one", ALIGN, &early));
    g_assert_false(bailiff_registration_record_held(registration, &wish, 1, &error));
    setrlimit(RLIMIT_NOFILE, &before);
    g_assert_error(early, BAILIFF_ERROR, BAILIFF_ERROR_BUSY);
    g_assert_nonnull(strstr(early->message, "file descriptors left"));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_BUSY);
    g_assert_nonnull(strstr(error->message, "last kill"));
    left = bailiff_registration_list_resources(registration);
    g_assert_cmpuint(left->len, ==, 0);
    hold(fixture, registration, "one");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/last-kill/holders", Fixture, NULL, set_up, test_holders, tear_down);
    g_test_add("/last-kill/released", Fixture, NULL, set_up, test_released, tear_down);
    g_test_add("/last-kill/policies", Fixture, NULL, set_up, test_policies, tear_down);
    g_test_add("/last-kill/policy-changed-meanwhile", Fixture, NULL, set_up,
               test_policy_changed_meanwhile, tear_down);
    g_test_add("/last-kill/taken", Fixture, NULL, set_up, test_taken, tear_down);
    g_test_add("/last-kill/refused", Fixture, NULL, set_up, test_refused, tear_down);
    return g_test_run();
}
