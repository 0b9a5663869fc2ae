/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The drill of a lockspace. It asks for no answer of anybody: deadlines are those of the last good
 * renewal, steps those of the policies as they would be walked (failure-plan).
 */
#include "engine/lockspace-drill.h"

#include "common/bailiff-error.h"
#include "engine/engine-private.h"
#include "engine/lockspace-private.h"
#include "engine/registration-private.h"
#include "engine/resource.h"
#include "failure/failure-plan.h"
#include "failure/failure-policy-parser.h"
#include "failure/reset-plan.h"

const char *bailiff_drill_kind_name(BailiffDrillKind kind)
{
    static const char *const names[] = {
        [BAILIFF_DRILL_LATE] = "late",   [BAILIFF_DRILL_FAIL] = "fail",
        [BAILIFF_DRILL_STEP] = "step",   [BAILIFF_DRILL_GUARD] = "guard",
        [BAILIFF_DRILL_RESET] = "reset", [BAILIFF_DRILL_FREE] = "free",
        [BAILIFF_DRILL_LEFT] = "left",
    };

    g_return_val_if_fail((gsize)kind < G_N_ELEMENTS(names), "left");
    return names[kind];
}

static void event_free(gpointer data)
{
    BailiffDrillEvent *event = data;

    g_clear_object(&event->registration);
    g_free(event->text);
    g_free(event);
}

/* Takes over `text`. */
static BailiffDrillEvent *add(GPtrArray *events, BailiffDrillKind kind, guint64 at_us,
                              BailiffRegistration *registration, char *text)
{
    BailiffDrillEvent *event = g_new0(BailiffDrillEvent, 1);

    event->kind = kind;
    event->at_us = at_us;
    event->registration = registration != NULL ? g_object_ref(registration) : NULL;
    event->text = text;
    g_ptr_array_add(events, event);
    return event;
}

/* Only who holds a lease is made harmless; who acquires one merely gets none. */
static gboolean holds_lease(BailiffRegistration *registration, BailiffLockspace *lockspace)
{
    g_autoptr(GPtrArray) resources = bailiff_registration_list_resources(registration);

    for (guint i = 0; i < resources->len; i++)
        if (bailiff_resource_get_lockspace(resources->pdata[i]) == lockspace)
            return TRUE;
    return FALSE;
}

static void add_steps(GPtrArray *events, BailiffRegistration *registration,
                      const FailurePolicy *policy, const FailurePlan *plan)
{
    for (guint i = 0; i < plan->n_steps; i++) {
        FailureAction action = policy->steps[i].action;
        char text[FAILURE_POLICY_TEXT_MAX];

        failure_policy_print_step(policy, i, text);
        BailiffDrillEvent *event =
            add(events, BAILIFF_DRILL_STEP, plan->steps[i].start_us, registration, g_strdup(text));
        event->step = i;
        event->action = failure_action_name(action);
        event->until_us = plan->steps[i].end_us;
        event->proof = failure_proof_name(failure_action_proof(action));
    }
}

static int compare_ids(gconstpointer a, gconstpointer b)
{
    guint64 x = bailiff_registration_get_id(*(BailiffRegistration *const *)a);
    guint64 y = bailiff_registration_get_id(*(BailiffRegistration *const *)b);

    return x < y ? -1 : x > y;
}

/* How many of the lockspace's registrations come to a kill. */
static guint add_registrations(GPtrArray *events, BailiffLockspace *self, guint64 fail_us)
{
    g_autoptr(GPtrArray) registrations = bailiff_lockspace_list_registrations(self);
    guint n_killed = 0;

    g_ptr_array_sort(registrations, compare_ids);
    for (guint i = 0; i < registrations->len; i++) {
        BailiffRegistration *registration = registrations->pdata[i];
        const FailurePolicy *policy =
            bailiff_registration_get_policy_for(registration, bailiff_lockspace_get_name(self));
        FailurePlan plan;

        if (!holds_lease(registration, self))
            continue;
        failure_plan_init(&plan, policy, fail_us);
        add_steps(events, registration, policy, &plan);
        if (plan.kill_us != TIME_NEVER)
            n_killed++;
        else
            add(events, BAILIFF_DRILL_LEFT, bailiff_lockspace_get_free_at(self), registration,
                g_strdup_printf("%s (%s) is ignored and goes on: other hosts may use what it uses",
                                bailiff_registration_get_name(registration),
                                bailiff_registration_describe(registration)));
    }
    return n_killed;
}

static void add_deadlines(GPtrArray *events, BailiffLockspace *self, guint64 fail_us)
{
    const char *name = bailiff_lockspace_get_name(self);

    add(events, BAILIFF_DRILL_LATE, bailiff_lockspace_get_late_at(self), NULL,
        g_strdup_printf("%s is late: no new leases", name));
    add(events, BAILIFF_DRILL_FAIL, fail_us, NULL,
        g_strdup_printf("%s has failed: failure policies are walked", name));
    add(events, BAILIFF_DRILL_FREE, bailiff_lockspace_get_free_at(self), NULL,
        g_strdup("other hosts may take over what was held here"));
}

/* What stands behind the kills. */
static void add_ends(GPtrArray *events, BailiffLockspace *self, guint64 fail_us, guint n_killed)
{
    const char *watchdog = bailiff_engine_get_watchdog_state(self->engine);
    gboolean armed = g_str_equal(watchdog, "armed") || g_str_equal(watchdog, "firing");
    guint64 reset_us = time_add(fail_us, time_from_seconds(RESET_EARLIEST_SECONDS));
    g_autoptr(GPtrArray) orphans = bailiff_lockspace_list_orphans(self);

    if (n_killed > 0) {
        add(events, BAILIFF_DRILL_GUARD,
            time_add(fail_us, time_from_seconds(FAILURE_BUDGET_SECONDS)), NULL,
            g_strdup("the guard kills whoever is left, also if bailiffd is stuck"));
        add(events, BAILIFF_DRILL_RESET, reset_us, NULL,
            g_strdup(armed ? "the watchdog may reset this host if any of them still runs"
                           : "no watchdog is armed: nothing would reset this host"));
        add(events, BAILIFF_DRILL_LEFT, reset_us, NULL,
            g_strdup(armed ? "what a kill cannot end, such as a process that waits for storage, is "
                             "left to the watchdog"
                           : "what a kill cannot end, such as a process that waits for storage, "
                             "goes on: other hosts may use what it uses"));
    }
    if (orphans->len > 0)
        add(events, BAILIFF_DRILL_LEFT, bailiff_lockspace_get_free_at(self), NULL,
            g_strdup_printf("orphans: %u; nobody is made harmless for them", orphans->len));
}

/* Those of one instant stay in the order in which they were added. */
static int compare_times(gconstpointer a, gconstpointer b)
{
    const BailiffDrillEvent *x = *(const BailiffDrillEvent *const *)a;
    const BailiffDrillEvent *y = *(const BailiffDrillEvent *const *)b;

    return x->at_us < y->at_us ? -1 : x->at_us > y->at_us;
}

GPtrArray *bailiff_lockspace_drill(BailiffLockspace *self, GError **error)
{
    BailiffLockspaceState state = bailiff_lockspace_get_state(self);
    guint64 fail_us = bailiff_lockspace_get_fail_at(self);
    GPtrArray *events;

    if (state != BAILIFF_LOCKSPACE_HELD && state != BAILIFF_LOCKSPACE_LATE) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_JOINED,
                          "A drill is of a lockspace that is held.", "Lockspace %s is %s.",
                          bailiff_lockspace_get_name(self), bailiff_lockspace_state_name(state));
        return NULL;
    }
    events = g_ptr_array_new_with_free_func(event_free);
    add_deadlines(events, self, fail_us);
    add_ends(events, self, fail_us, add_registrations(events, self, fail_us));
    g_ptr_array_sort(events, compare_times);
    return events;
}
