/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All incidents that are kept: the last ones of this host, those of earlier daemons among them.
 */
#pragma once

#include "engine/incident.h"

/* How many are kept, and how many steps of all of them: the daemon's memory is locked. The oldest
 * go first, ongoing ones never. */
#define INCIDENTS_MAX 100u
#define INCIDENT_STEPS_TOTAL_MAX 65536u

/*
 * Signals, each with a BailiffIncident:
 *   incident-added, incident-removed
 */
#define BAILIFF_TYPE_INCIDENT_LOG (bailiff_incident_log_get_type())
G_DECLARE_FINAL_TYPE(BailiffIncidentLog, bailiff_incident_log, BAILIFF, INCIDENT_LOG, GObject)

/* `state_dir`: where they are kept across restarts, as files of its directory `incidents`; read in
 * the background. NULL: in memory only. */
BailiffIncidentLog *bailiff_incident_log_new(const char *state_dir);

/* They are written down, for the next daemon to tell. */
gboolean bailiff_incident_log_is_kept(BailiffIncidentLog *self);

/* New array with references, in the order of their numbers. */
GPtrArray *bailiff_incident_log_list(BailiffIncidentLog *self);

/* The number of the last one of this lockspace; 0: there was none. */
guint64 bailiff_incident_log_find_last(BailiffIncidentLog *self, const char *lockspace);

/* A new incident, ongoing, that begins now; borrowed. Its number is higher than that of all others
 * on this host. */
BailiffIncident *bailiff_incident_log_begin(BailiffIncidentLog *self, const char *lockspace,
                                            const char *cause, guint64 last_renewal_us,
                                            guint64 fail_at_us);
