/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/incident-text.h"

#include <glib/gi18n.h>
#include <string.h>

#include "base/checked-time.h"

/* After the fail deadline: FailAtUsec of org.bailiff.Bailiff1.Incident. */
#define OTHERS_ACT_SECONDS 60u

static const struct {
    const char *event;
    const char *text;
    TableColor color;
} other_events[] = {
    { "renewal-late", N_("renewal is late"), TABLE_YELLOW },
    { "failed", N_("failed: failure policies start"), TABLE_RED },
    { "renewed", N_("renewed in time"), TABLE_GREEN },
    { "leaving", N_("is being left"), TABLE_PLAIN },
    { "left", N_("left"), TABLE_PLAIN },
    { "lost", N_("lost: nothing on this host uses it any more"), TABLE_PLAIN },
    { "joined", N_("joined again"), TABLE_GREEN },
    { "handed-over", N_("handed over"), TABLE_PLAIN },
    { "taken-over", N_("taken over"), TABLE_YELLOW },
    { "recovery", N_("recovery"), TABLE_PLAIN },
    { "resumed", N_("resumed"), TABLE_GREEN },
    { "restarted", N_("runs again"), TABLE_GREEN },
};

static const struct {
    const char *outcome;
    const char *text;
} outcomes[] = {
    { "ongoing", N_("It is going on.") },
    { "recovered", N_("The lease was renewed in time: nobody was touched.") },
    { "cleared", N_("Every registration was made harmless in time.") },
    { "overdue", N_("Every registration was made harmless, but some not in time: others may have "
                    "used their resources already.") },
    { "ignored", N_("Some go on by their failure policy, which gives up the promise that nobody "
                    "else uses their resources; all others were made harmless.") },
    { "uncleared", N_("Of some registrations it was never seen that they were made harmless.") },
    { "interrupted", N_("bailiffd ended, or the host was reset, before this had ended: what "
                        "followed is not known.") },
};

typedef struct Timeline {
    OutputTable *table;
    GVariant *properties;
    guint64 zero_us;      /* the last good renewal */
    guint64 others_us;    /* when others may act; 0: was said, or not known */
    GHashTable *finished; /* "REGISTRATION/INDEX" of a step -> GPtrArray of its ends, in order */
} Timeline;

char *incident_clock_text(guint64 real_us)
{
    g_autoptr(GDateTime) time =
        real_us <= G_MAXINT64 ? g_date_time_new_from_unix_local((gint64)(real_us / USEC_PER_SECOND))
                              : NULL;

    return time != NULL ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S") : g_strdup("");
}

const char *incident_outcome_text(const char *outcome)
{
    for (gsize i = 0; i < G_N_ELEMENTS(outcomes); i++)
        if (g_strcmp0(outcomes[i].outcome, outcome) == 0)
            return _(outcomes[i].text);
    return "";
}

static guint64 get_number(GVariant *dict, const char *key)
{
    guint64 number = 0;
    (void)g_variant_lookup(dict, key, "t", &number);
    return number;
}

static const char *get_text(GVariant *dict, const char *key)
{
    const char *text = "";
    (void)g_variant_lookup(dict, key, "&s", &text);
    return text;
}

static double seconds(guint64 usec)
{
    return (double)usec / (double)USEC_PER_SECOND;
}

/* --- rows ------------------------------------------------------------------------------------ */

static void add_row(Timeline *self, guint64 time_us, const char *who, TableColor color,
                    const char *what)
{
    output_table_addf(self->table, TABLE_PLAIN, _("%.3f s"),
                      seconds(time_since(time_us, self->zero_us)));
    output_table_add(self->table, TABLE_PLAIN, who);
    output_table_add(self->table, color, what);
}

/* Beyond this line nothing is safe any more that still uses a resource. */
static void mark_others(Timeline *self, guint64 time_us)
{
    if (self->others_us == 0 || time_us < self->others_us)
        return;
    add_row(self, self->others_us, get_text(self->properties, "Lockspace"), TABLE_YELLOW,
            _("other hosts may take over from now on"));
    self->others_us = 0;
}

static char *who_text(Timeline *self, GVariant *step)
{
    guint64 registration = get_number(step, "registration");

    if (registration == 0)
        return g_strdup(get_text(self->properties, "Lockspace"));
    return g_strdup_printf("%s (%" G_GUINT64_FORMAT ")", get_text(step, "name"), registration);
}

static char *step_key(GVariant *step)
{
    guint index = 0;
    (void)g_variant_lookup(step, "index", "u", &index);
    return g_strdup_printf("%" G_GUINT64_FORMAT "/%u", get_number(step, "registration"), index);
}

static void note_finished(Timeline *self, GVariant *step)
{
    g_autofree char *key = step_key(step);
    GPtrArray *ends = g_hash_table_lookup(self->finished, key);

    if (ends == NULL) {
        ends = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
        g_hash_table_insert(self->finished, g_steal_pointer(&key), ends);
    }
    g_ptr_array_add(ends, g_variant_ref(step));
}

/* The end of a step that starts here; a reference, or NULL: it is not known. */
static GVariant *take_end(Timeline *self, GVariant *started)
{
    g_autofree char *key = step_key(started);
    GPtrArray *ends = g_hash_table_lookup(self->finished, key);

    if (ends == NULL || ends->len == 0)
        return NULL;
    return g_ptr_array_steal_index(ends, 0);
}

/* "signal for 10.000 s: SIGTERM was sent", "pause failed after 2.000 s: ...". */
static void add_step(Timeline *self, GVariant *started, const char *who)
{
    g_autoptr(GVariant) end = take_end(self, started);
    const char *action = get_text(started, "action");
    guint64 time_us = get_number(started, "time-usec");
    gboolean worked = FALSE;
    g_autofree char *what = NULL;

    if (end == NULL) {
        add_row(self, time_us, who, TABLE_PLAIN, action);
        return;
    }
    (void)g_variant_lookup(end, "worked", "b", &worked);
    what = g_strdup_printf(worked ? _("%s for %.3f s: %s") : _("%s failed after %.3f s: %s"),
                           action, seconds(get_number(end, "took-usec")), get_text(end, "detail"));
    add_row(self, time_us, who, worked ? TABLE_PLAIN : TABLE_RED, what);
}

static void add_cleared(Timeline *self, GVariant *step, const char *who)
{
    g_autofree char *what =
        g_strdup_printf(_("cleared: %s, after %.3f s"), get_text(step, "detail"),
                        seconds(get_number(step, "took-usec")));

    add_row(self, get_number(step, "time-usec"), who, TABLE_GREEN, what);
}

/* By another bailiffd; how it ends is told with its start. */
static void add_continued(Timeline *self, GVariant *step, const char *who)
{
    g_autofree char *what = g_strdup_printf(_("%s goes on"), get_text(step, "action"));

    add_row(self, get_number(step, "time-usec"), who, TABLE_PLAIN, what);
}

/* Of the lockspace; and whatever a newer bailiffd may tell. */
static void add_other(Timeline *self, GVariant *step, const char *who)
{
    const char *event = get_text(step, "event");
    const char *detail = get_text(step, "detail");
    TableColor color = TABLE_PLAIN;
    g_autofree char *what = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(other_events); i++)
        if (strcmp(other_events[i].event, event) == 0) {
            event = _(other_events[i].text);
            color = other_events[i].color;
            break;
        }
    what = detail[0] != '\0' ? g_strdup_printf("%s: %s", event, detail) : g_strdup(event);
    add_row(self, get_number(step, "time-usec"), who, color, what);
}

static void add_event(Timeline *self, GVariant *step)
{
    const char *event = get_text(step, "event");
    g_autofree char *who = who_text(self, step);

    if (strcmp(event, "step-finished") == 0)
        return; /* was told with its start */
    mark_others(self, get_number(step, "time-usec"));
    if (strcmp(event, "step-started") == 0)
        add_step(self, step, who);
    else if (strcmp(event, "step-continued") == 0)
        add_continued(self, step, who);
    else if (strcmp(event, "cleared") == 0)
        add_cleared(self, step, who);
    else
        add_other(self, step, who);
}

OutputTable *incident_timeline(GVariant *properties)
{
    g_autoptr(GVariant) steps =
        g_variant_lookup_value(properties, "Steps", G_VARIANT_TYPE("aa{sv}"));
    gsize n = steps != NULL ? g_variant_n_children(steps) : 0;
    guint64 fail_at_us = get_number(properties, "FailAtUsec");
    g_autoptr(GHashTable) finished =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    Timeline self = {
        .table = output_table_new(_(">AT"), _("WHO"), _("WHAT"), NULL),
        .properties = properties,
        .zero_us = get_number(properties, "LastRenewalUsec"),
        .others_us =
            fail_at_us != 0 ? time_add(fail_at_us, time_from_seconds(OTHERS_ACT_SECONDS)) : 0,
        .finished = finished,
    };

    add_row(&self, self.zero_us, get_text(properties, "Lockspace"), TABLE_PLAIN,
            _("last good renewal"));
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) step = g_variant_get_child_value(steps, i);
        if (strcmp(get_text(step, "event"), "step-finished") == 0)
            note_finished(&self, step);
    }
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) step = g_variant_get_child_value(steps, i);
        add_event(&self, step);
    }
    return self.table;
}
