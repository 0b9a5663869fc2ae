/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An incident as an object that others watch.
 */
#include "engine/incident.h"

#include "common/log-message.h"

struct _BailiffIncident {
    GObject parent_instance;
    IncidentRecord *record;
};

G_DEFINE_TYPE(BailiffIncident, bailiff_incident, G_TYPE_OBJECT)

enum {
    SIGNAL_STEP_ADDED,
    SIGNAL_CHANGED,
    N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void bailiff_incident_finalize(GObject *object)
{
    BailiffIncident *self = BAILIFF_INCIDENT(object);

    incident_record_free(self->record);
    G_OBJECT_CLASS(bailiff_incident_parent_class)->finalize(object);
}

static void bailiff_incident_class_init(BailiffIncidentClass *klass)
{
    GType type = G_TYPE_FROM_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = bailiff_incident_finalize;
    signals[SIGNAL_STEP_ADDED] = g_signal_new("step-added", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                              NULL, G_TYPE_NONE, 1, G_TYPE_POINTER);
    signals[SIGNAL_CHANGED] =
        g_signal_new("changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void bailiff_incident_init(BailiffIncident *self)
{
}

BailiffIncident *bailiff_incident_new(IncidentRecord *record)
{
    BailiffIncident *self = g_object_new(BAILIFF_TYPE_INCIDENT, NULL);

    self->record = record;
    return self;
}

const IncidentRecord *bailiff_incident_get_record(BailiffIncident *self)
{
    return self->record;
}

guint64 bailiff_incident_get_number(BailiffIncident *self)
{
    return self->record->number;
}

gboolean bailiff_incident_is_ongoing(BailiffIncident *self)
{
    return self->record->outcome == INCIDENT_ONGOING;
}

static void emit_changed(BailiffIncident *self)
{
    g_signal_emit(self, signals[SIGNAL_CHANGED], 0);
}

void bailiff_incident_add_step(BailiffIncident *self, IncidentStep *step)
{
    if (incident_record_add(self->record, step))
        g_signal_emit(self, signals[SIGNAL_STEP_ADDED], 0, step);
    else
        emit_changed(self);
}

void bailiff_incident_set_failed(BailiffIncident *self, const char *cause, guint64 last_renewal_us,
                                 guint64 fail_at_us, guint registrations, guint cleared)
{
    g_free(self->record->cause);
    self->record->cause = incident_text(cause, INCIDENT_CAUSE_SIZE);
    self->record->last_renewal_us = last_renewal_us;
    self->record->fail_at_us = fail_at_us;
    self->record->registrations = registrations;
    self->record->cleared = cleared;
    emit_changed(self);
}

void bailiff_incident_count_cleared(BailiffIncident *self)
{
    self->record->cleared++;
    emit_changed(self);
}

void bailiff_incident_end(BailiffIncident *self, IncidentOutcome outcome, guint64 ended_us)
{
    g_return_if_fail(bailiff_incident_is_ongoing(self) && outcome != INCIDENT_ONGOING);
    self->record->outcome = outcome;
    self->record->ended_us = MAX(ended_us, 1);
    log_message(outcome == INCIDENT_OVERDUE || outcome == INCIDENT_UNCLEARED
                    ? MESSAGE_INCIDENT_UNSAFE
                    : MESSAGE_INCIDENT_ENDED,
                LOG_SUBJECT(.lockspace = self->record->lockspace, .incident = self->record->number),
                "Incident %" G_GUINT64_FORMAT " of lockspace %s is over (%s); all of it: "
                "bailiffctl incident %" G_GUINT64_FORMAT,
                self->record->number, self->record->lockspace, incident_outcome_name(outcome),
                self->record->number);
    emit_changed(self);
}
