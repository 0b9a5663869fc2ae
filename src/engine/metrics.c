/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens is counted by signals; what is, is looked at when somebody asks.
 */
#include "engine/metrics.h"

#include "actions/kill-guard.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"
#include "engine/engine-private.h"
#include "engine/lockspace.h"
#include "engine/metrics-text.h"
#include "engine/registration.h"
#include "engine/resource.h"

/* How often the lateness of timers is measured: seldom enough to cost nothing. */
#define DELAY_INTERVAL_US (5 * USEC_PER_SECOND)

typedef struct LockspaceCounts {
    MetricsHistogram renewals; /* those that worked */
    guint64 failed_renewals;
    guint64 losses;
} LockspaceCounts;

typedef struct ActionCounts {
    guint64 worked, failed;
} ActionCounts;

struct _BailiffMetrics {
    GObject parent_instance;

    BailiffEngine *engine;
    GHashTable *lockspaces; /* name -> LockspaceCounts; as long as the lockspace is there */
    GHashTable *actions;    /* name -> ActionCounts */
    BoottimeTimer *timer;
    guint64 due_us;
    MetricsHistogram delays;
};

G_DEFINE_TYPE(BailiffMetrics, bailiff_metrics, G_TYPE_OBJECT)

static void bailiff_metrics_finalize(GObject *object)
{
    BailiffMetrics *self = BAILIFF_METRICS(object);

    boottime_timer_free(self->timer);
    g_hash_table_unref(self->lockspaces);
    g_hash_table_unref(self->actions);
    G_OBJECT_CLASS(bailiff_metrics_parent_class)->finalize(object);
}

static void bailiff_metrics_class_init(BailiffMetricsClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = bailiff_metrics_finalize;
}

static void bailiff_metrics_init(BailiffMetrics *self)
{
    self->lockspaces = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    self->actions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

/* --- what happens ---------------------------------------------------------------------------- */

/* Of the engine's own timers, with their priority: as late as this one a deadline would be. */
static void on_timer(gpointer data)
{
    BailiffMetrics *self = data;
    guint64 now_us = boottime_now();

    if (self->due_us != 0)
        metrics_histogram_observe(&self->delays, time_since(now_us, self->due_us));
    self->due_us = time_add(now_us, DELAY_INTERVAL_US);
    boottime_timer_set(self->timer, self->due_us);
}

static LockspaceCounts *counts_of(BailiffMetrics *self, BailiffLockspace *lockspace)
{
    const char *name = bailiff_lockspace_get_name(lockspace);
    LockspaceCounts *counts = g_hash_table_lookup(self->lockspaces, name);

    if (counts == NULL) {
        counts = g_new0(LockspaceCounts, 1);
        g_hash_table_insert(self->lockspaces, g_strdup(name), counts);
    }
    return counts;
}

static void on_renewal_ended(BailiffLockspace *lockspace, gboolean worked, guint64 took_us,
                             BailiffMetrics *self)
{
    LockspaceCounts *counts = counts_of(self, lockspace);

    if (worked)
        metrics_histogram_observe(&counts->renewals, took_us);
    else
        counts->failed_renewals++;
}

static void on_lease_lost(BailiffLockspace *lockspace, const char *reason, BailiffMetrics *self)
{
    counts_of(self, lockspace)->losses++;
}

static void on_step_finished(BailiffRegistration *registration, guint index, const char *action,
                             gboolean worked, const char *detail, BailiffMetrics *self)
{
    ActionCounts *counts = g_hash_table_lookup(self->actions, action);

    if (counts == NULL) {
        counts = g_new0(ActionCounts, 1);
        g_hash_table_insert(self->actions, g_strdup(action), counts);
    }
    if (worked)
        counts->worked++;
    else
        counts->failed++;
}

static void on_lockspace_added(BailiffEngine *engine, BailiffLockspace *lockspace,
                               BailiffMetrics *self)
{
    g_signal_connect_object(lockspace, "renewal-ended", G_CALLBACK(on_renewal_ended), self, 0);
    g_signal_connect_object(lockspace, "lease-lost", G_CALLBACK(on_lease_lost), self, 0);
}

static void on_lockspace_removed(BailiffEngine *engine, BailiffLockspace *lockspace,
                                 BailiffMetrics *self)
{
    g_signal_handlers_disconnect_by_data(lockspace, self);
    g_hash_table_remove(self->lockspaces, bailiff_lockspace_get_name(lockspace));
}

static void on_registration_added(BailiffEngine *engine, BailiffRegistration *registration,
                                  BailiffMetrics *self)
{
    g_signal_connect_object(registration, "step-finished", G_CALLBACK(on_step_finished), self, 0);
}

BailiffMetrics *bailiff_metrics_new(BailiffEngine *engine)
{
    BailiffMetrics *self = g_object_new(BAILIFF_TYPE_METRICS, NULL);

    self->engine = engine;
    self->timer = boottime_timer_new(on_timer, self);
    on_timer(self);
    g_signal_connect_object(engine, "lockspace-added", G_CALLBACK(on_lockspace_added), self, 0);
    g_signal_connect_object(engine, "lockspace-removed", G_CALLBACK(on_lockspace_removed), self, 0);
    g_signal_connect_object(engine, "registration-added", G_CALLBACK(on_registration_added), self,
                            0);
    return self;
}

/* --- what is --------------------------------------------------------------------------------- */

static void print_states(GString *text, GPtrArray *lockspaces, GPtrArray *registrations)
{
    guint lockspace_counts[BAILIFF_LOCKSPACE_LOST + 1] = { 0 };
    guint registration_counts[BAILIFF_REGISTRATION_CLEARED + 1] = { 0 };

    for (guint i = 0; i < lockspaces->len; i++)
        lockspace_counts[bailiff_lockspace_get_state(lockspaces->pdata[i])]++;
    for (guint i = 0; i < registrations->len; i++)
        registration_counts[bailiff_registration_get_state(registrations->pdata[i])]++;
    metrics_text_family(text, "bailiff_lockspaces", "gauge", NULL, "Lockspaces by state.");
    for (guint i = 0; i < G_N_ELEMENTS(lockspace_counts); i++)
        metrics_text_number(
            text, "bailiff_lockspaces", "",
            (MetricsLabel[METRICS_LABELS_MAX]){ { "state", bailiff_lockspace_state_name(i) } },
            lockspace_counts[i]);
    metrics_text_family(text, "bailiff_registrations", "gauge", NULL, "Registrations by state.");
    for (guint i = 0; i < G_N_ELEMENTS(registration_counts); i++)
        metrics_text_number(
            text, "bailiff_registrations", "",
            (MetricsLabel[METRICS_LABELS_MAX]){ { "state", bailiff_registration_state_name(i) } },
            registration_counts[i]);
}

/* Is its host lease renewed, or on its way to be lost? */
static gboolean has_deadline(BailiffLockspace *lockspace)
{
    BailiffLockspaceState state = bailiff_lockspace_get_state(lockspace);

    return state == BAILIFF_LOCKSPACE_HELD || state == BAILIFF_LOCKSPACE_LATE ||
           state == BAILIFF_LOCKSPACE_FAILING;
}

static void print_margins(GString *text, GPtrArray *lockspaces)
{
    guint64 now_us = boottime_now();

    metrics_text_family(text, "bailiff_lockspace_margin_seconds", "gauge", "seconds",
                        "Time left until the fail deadline; negative after it.");
    for (guint i = 0; i < lockspaces->len; i++)
        if (has_deadline(lockspaces->pdata[i]))
            metrics_text_seconds(
                text, "bailiff_lockspace_margin_seconds",
                (MetricsLabel[METRICS_LABELS_MAX]){
                    { "lockspace", bailiff_lockspace_get_name(lockspaces->pdata[i]) } },
                (gint64)(bailiff_lockspace_get_fail_at(lockspaces->pdata[i]) - now_us));
}

static void print_resources(GString *text, GPtrArray *lockspaces)
{
    metrics_text_family(text, "bailiff_resources", "gauge", NULL,
                        "Resource leases that this host holds, by what they are.");
    for (guint i = 0; i < lockspaces->len; i++) {
        const char *name = bailiff_lockspace_get_name(lockspaces->pdata[i]);
        g_autoptr(GPtrArray) resources = bailiff_lockspace_list_resources(lockspaces->pdata[i]);
        guint64 orphans = 0;

        for (guint j = 0; j < resources->len; j++)
            orphans += bailiff_resource_is_orphan(resources->pdata[j]) ? 1 : 0;
        metrics_text_number(
            text, "bailiff_resources", "",
            (MetricsLabel[METRICS_LABELS_MAX]){ { "lockspace", name }, { "kind", "used" } },
            resources->len - orphans);
        metrics_text_number(
            text, "bailiff_resources", "",
            (MetricsLabel[METRICS_LABELS_MAX]){ { "lockspace", name }, { "kind", "orphan" } },
            orphans);
    }
}

static void print_renewals(BailiffMetrics *self, GString *text)
{
    static const char duration[] = "bailiff_renewal_duration_seconds";
    GHashTableIter iter;
    gpointer name, value;

    metrics_text_family(text, duration, "histogram", "seconds",
                        "Storage time of the renewals of a host lease that worked.");
    g_hash_table_iter_init(&iter, self->lockspaces);
    while (g_hash_table_iter_next(&iter, &name, &value))
        metrics_text_histogram(text, duration,
                               (MetricsLabel[METRICS_LABELS_MAX]){ { "lockspace", name } },
                               &((LockspaceCounts *)value)->renewals);
    metrics_text_family(text, "bailiff_renewals_failed", "counter", NULL,
                        "Renewals of a host lease that did not work.");
    g_hash_table_iter_init(&iter, self->lockspaces);
    while (g_hash_table_iter_next(&iter, &name, &value))
        metrics_text_number(text, "bailiff_renewals_failed", "_total",
                            (MetricsLabel[METRICS_LABELS_MAX]){ { "lockspace", name } },
                            ((LockspaceCounts *)value)->failed_renewals);
    metrics_text_family(text, "bailiff_leases_lost", "counter", NULL,
                        "How often a host lease was lost.");
    g_hash_table_iter_init(&iter, self->lockspaces);
    while (g_hash_table_iter_next(&iter, &name, &value))
        metrics_text_number(text, "bailiff_leases_lost", "_total",
                            (MetricsLabel[METRICS_LABELS_MAX]){ { "lockspace", name } },
                            ((LockspaceCounts *)value)->losses);
}

static void print_actions(BailiffMetrics *self, GString *text)
{
    GHashTableIter iter;
    gpointer name, value;

    metrics_text_family(text, "bailiff_actions", "counter", NULL,
                        "Steps of failure policies that have ended, drills among them.");
    g_hash_table_iter_init(&iter, self->actions);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        const ActionCounts *counts = value;

        metrics_text_number(
            text, "bailiff_actions", "_total",
            (MetricsLabel[METRICS_LABELS_MAX]){ { "action", name }, { "result", "worked" } },
            counts->worked);
        metrics_text_number(
            text, "bailiff_actions", "_total",
            (MetricsLabel[METRICS_LABELS_MAX]){ { "action", name }, { "result", "failed" } },
            counts->failed);
    }
    metrics_text_family(text, "bailiff_guard_kills", "counter", NULL,
                        "Targets that the last kill was sent to.");
    metrics_text_number(text, "bailiff_guard_kills", "_total", NULL,
                        kill_guard_count_kills(bailiff_engine_get_kill_guard(self->engine)));
}

static void print_launcher(BailiffMetrics *self, GString *text)
{
    Launcher *launcher = bailiff_engine_get_services(self->engine)->launcher;

    if (launcher == NULL)
        return;
    metrics_text_family(text, "bailiff_launcher_up", "gauge", NULL,
                        "1 when programs of failure policies can be started, 0 when not.");
    metrics_text_number(text, "bailiff_launcher_up", "", NULL, launcher_is_up(launcher) ? 1 : 0);
    metrics_text_family(text, "bailiff_launcher_losses", "counter", NULL,
                        "How often the launcher of programs ended, hung or could not be started.");
    metrics_text_number(text, "bailiff_launcher_losses", "_total", NULL,
                        launcher_count_losses(launcher));
}

static void print_incidents(BailiffMetrics *self, GString *text)
{
    g_autoptr(GPtrArray) incidents =
        bailiff_incident_log_list(bailiff_engine_get_incidents(self->engine));
    guint counts[INCIDENT_OUTCOME_COUNT] = { 0 };

    for (guint i = 0; i < incidents->len; i++)
        counts[bailiff_incident_get_record(incidents->pdata[i])->outcome]++;
    metrics_text_family(text, "bailiff_watchdog", "gauge", NULL,
                        "1 for the state of the watchdog: disarmed, idle, armed, firing, failed.");
    for (guint i = 0; i < WATCHDOG_STATE_COUNT; i++)
        metrics_text_number(
            text, "bailiff_watchdog", "",
            (MetricsLabel[METRICS_LABELS_MAX]){ { "state", watchdog_state_name(i) } },
            g_str_equal(watchdog_state_name(i), bailiff_engine_get_watchdog_state(self->engine)));
    metrics_text_family(text, "bailiff_forsaken_users", "gauge", NULL,
                        "Registrations that may hold leases in lockspaces of which nothing can be "
                        "read, and are not stopped yet.");
    metrics_text_number(text, "bailiff_forsaken_users", "", NULL,
                        bailiff_engine_count_forsaken_users(self->engine));
    metrics_text_family(text, "bailiff_incidents", "gauge", NULL,
                        "Incidents that are kept, by outcome; the oldest are dropped.");
    for (guint i = 0; i < INCIDENT_OUTCOME_COUNT; i++)
        metrics_text_number(
            text, "bailiff_incidents", "",
            (MetricsLabel[METRICS_LABELS_MAX]){ { "outcome", incident_outcome_name(i) } },
            counts[i]);
}

char *bailiff_metrics_print(BailiffMetrics *self)
{
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(self->engine);
    g_autoptr(GPtrArray) registrations = bailiff_engine_list_registrations(self->engine);
    GString *text = g_string_new(NULL);

    print_states(text, lockspaces, registrations);
    print_margins(text, lockspaces);
    print_resources(text, lockspaces);
    print_renewals(self, text);
    print_actions(self, text);
    print_launcher(self, text);
    print_incidents(self, text);
    metrics_text_family(text, "bailiff_scheduling_delay_seconds", "histogram", "seconds",
                        "How late timers of the main loop fire, measured every five seconds.");
    metrics_text_histogram(text, "bailiff_scheduling_delay_seconds", NULL, &self->delays);
    metrics_text_end(text);
    return g_string_free(text, FALSE);
}
