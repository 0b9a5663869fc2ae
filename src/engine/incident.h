/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An incident: the record of one lease loss, in the making or of the past.
 *
 * It begins with the first late renewal of a lockspace (or when the lockspace fails without one),
 * and ends when the lockspace is renewed in time, when it is lost with everything cleared, when all
 * who are not cleared go on by policy, or when it is left. Steps may follow its end: what became of
 * those that it had paused or stopped.
 */
#pragma once

#include <gio/gio.h>

#include "engine/incident-record.h"

/*
 * Signals:
 *   step-added (pointer: IncidentStep, borrowed)
 *   changed ()   anything else of the record
 */
#define BAILIFF_TYPE_INCIDENT (bailiff_incident_get_type())
G_DECLARE_FINAL_TYPE(BailiffIncident, bailiff_incident, BAILIFF, INCIDENT, GObject)

/* Takes over `record`. */
BailiffIncident *bailiff_incident_new(IncidentRecord *record);

/* Borrowed, and only to look at. */
const IncidentRecord *bailiff_incident_get_record(BailiffIncident *self);
guint64 bailiff_incident_get_number(BailiffIncident *self);
gboolean bailiff_incident_is_ongoing(BailiffIncident *self);

/* Takes over `step`. */
void bailiff_incident_add_step(BailiffIncident *self, IncidentStep *step);
/* The lease is lost; so many registrations depended on it, of which some are cleared already. */
void bailiff_incident_set_failed(BailiffIncident *self, const char *cause, guint64 last_renewal_us,
                                 guint64 fail_at_us, guint registrations, guint cleared);
/* One more registration is cleared. */
void bailiff_incident_count_cleared(BailiffIncident *self);
void bailiff_incident_end(BailiffIncident *self, IncidentOutcome outcome, guint64 ended_us);
