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

/* What is followed is written down in `runtime_dir` as well from now on, as files of its directory
 * `incidents`: that is memory, with all of it at once, and for a daemon that takes over in this
 * boot. Those that an earlier one has left there are listed now, and followed: new array with
 * references, in the order of their numbers. What cannot be read of them ends as interrupted, and
 * is named by the incidents that begin before bailiff_incident_log_end_take_over(). Once, before
 * any incident has begun. */
GPtrArray *bailiff_incident_log_take_over(BailiffIncidentLog *self, const char *runtime_dir);
void bailiff_incident_log_end_take_over(BailiffIncidentLog *self);
/* Nobody follows it any more. One that is ongoing ends as interrupted. */
void bailiff_incident_log_unfollow(BailiffIncidentLog *self, BailiffIncident *incident);
/* This process is about to end, and another one to go on: `limit_us` at the longest. */
void bailiff_incident_log_flush(BailiffIncidentLog *self, guint64 limit_us);

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
