/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The data of an incident.
 */
#include "engine/incident-record.h"

#include <string.h>

static const char *const outcome_names[] = {
    [INCIDENT_ONGOING] = "ongoing",         [INCIDENT_RECOVERED] = "recovered",
    [INCIDENT_CLEARED] = "cleared",         [INCIDENT_OVERDUE] = "overdue",
    [INCIDENT_IGNORED] = "ignored",         [INCIDENT_UNCLEARED] = "uncleared",
    [INCIDENT_INTERRUPTED] = "interrupted",
};
G_STATIC_ASSERT(G_N_ELEMENTS(outcome_names) == INCIDENT_OUTCOME_COUNT);

static const char *const event_names[] = {
    [INCIDENT_RENEWAL_LATE] = "renewal-late",
    [INCIDENT_FAILED] = "failed",
    [INCIDENT_RENEWED] = "renewed",
    [INCIDENT_LEAVING] = "leaving",
    [INCIDENT_LEFT] = "left",
    [INCIDENT_LOST] = "lost",
    [INCIDENT_JOINED] = "joined",
    [INCIDENT_HANDED_OVER] = "handed-over",
    [INCIDENT_TAKEN_OVER] = "taken-over",
    [INCIDENT_STEP_STARTED] = "step-started",
    [INCIDENT_STEP_CONTINUED] = "step-continued",
    [INCIDENT_STEP_FINISHED] = "step-finished",
    [INCIDENT_REGISTRATION_CLEARED] = "cleared",
    [INCIDENT_RECOVERY] = "recovery",
    [INCIDENT_RESUMED] = "resumed",
    [INCIDENT_RESTARTED] = "restarted",
};
G_STATIC_ASSERT(G_N_ELEMENTS(event_names) == INCIDENT_EVENT_COUNT);

const char *incident_outcome_name(IncidentOutcome outcome)
{
    g_return_val_if_fail((gsize)outcome < G_N_ELEMENTS(outcome_names), "uncleared");
    return outcome_names[outcome];
}

IncidentOutcome incident_outcome_from_name(const char *name)
{
    IncidentOutcome outcome = 0;

    while (outcome < INCIDENT_OUTCOME_COUNT && strcmp(outcome_names[outcome], name) != 0)
        outcome++;
    return outcome;
}

const char *incident_event_name(IncidentEvent event)
{
    g_return_val_if_fail((gsize)event < G_N_ELEMENTS(event_names), "failed");
    return event_names[event];
}

IncidentEvent incident_event_from_name(const char *name)
{
    IncidentEvent event = 0;

    while (event < INCIDENT_EVENT_COUNT && strcmp(event_names[event], name) != 0)
        event++;
    return event;
}

char *incident_text(const char *text, gsize size)
{
    gsize length = text != NULL ? strnlen(text, size) : 0;
    char *valid = g_utf8_make_valid(text != NULL ? text : "", (gssize)MIN(length, size - 1));
    const char *end = valid;

    /* What is not UTF-8 has grown. */
    if (strlen(valid) >= size) {
        end = g_utf8_find_prev_char(valid, valid + size);
        valid[end != NULL ? end - valid : 0] = '\0';
    }
    return valid;
}

/* --- steps ----------------------------------------------------------------------------------- */

IncidentStep *incident_step_new(const IncidentStep *step)
{
    IncidentStep *self = g_atomic_rc_box_new(IncidentStep);

    *self = *step;
    self->name = step->name != NULL ? incident_text(step->name, INCIDENT_NAME_SIZE) : NULL;
    self->kind = step->kind != NULL ? incident_text(step->kind, INCIDENT_NAME_SIZE) : NULL;
    self->action = step->action != NULL ? incident_text(step->action, INCIDENT_NAME_SIZE) : NULL;
    self->detail = incident_text(step->detail, INCIDENT_DETAIL_SIZE);
    return self;
}

IncidentStep *incident_step_ref(IncidentStep *self)
{
    return g_atomic_rc_box_acquire(self);
}

static void clear_step(gpointer data)
{
    IncidentStep *self = data;

    g_free(self->name);
    g_free(self->kind);
    g_free(self->action);
    g_free(self->detail);
}

void incident_step_unref(IncidentStep *self)
{
    g_atomic_rc_box_release_full(self, clear_step);
}

/* --- records --------------------------------------------------------------------------------- */

IncidentRecord *incident_record_new(void)
{
    IncidentRecord *self = g_new0(IncidentRecord, 1);

    self->steps = g_ptr_array_new_with_free_func((GDestroyNotify)incident_step_unref);
    return self;
}

void incident_record_free(IncidentRecord *self)
{
    if (self == NULL)
        return;
    g_free(self->lockspace);
    g_free(self->cause);
    g_free(self->boot_id);
    g_ptr_array_unref(self->steps);
    g_free(self);
}

IncidentRecord *incident_record_copy(const IncidentRecord *self)
{
    IncidentRecord *copy = g_memdup2(self, sizeof *self);

    copy->lockspace = g_strdup(self->lockspace);
    copy->cause = g_strdup(self->cause);
    copy->boot_id = g_strdup(self->boot_id);
    copy->steps = g_ptr_array_new_full(self->steps->len, (GDestroyNotify)incident_step_unref);
    for (guint i = 0; i < self->steps->len; i++)
        g_ptr_array_add(copy->steps, incident_step_ref(self->steps->pdata[i]));
    return copy;
}

static gboolean has_room(const IncidentRecord *self, const IncidentStep *step)
{
    if (step->registration != 0)
        return self->steps->len - self->lockspace_steps < INCIDENT_STEPS_MAX;
    if (step->event == INCIDENT_HANDED_OVER || step->event == INCIDENT_TAKEN_OVER)
        return self->lockspace_steps < INCIDENT_TAKE_OVERS_MAX;
    return self->lockspace_steps < INCIDENT_LOCKSPACE_STEPS_MAX;
}

gboolean incident_record_add(IncidentRecord *self, IncidentStep *step)
{

    if (!has_room(self, step)) {
        self->dropped++;
        incident_step_unref(step);
        return FALSE;
    }
    self->lockspace_steps += step->registration == 0 ? 1 : 0;
    g_ptr_array_add(self->steps, step);
    return TRUE;
}
