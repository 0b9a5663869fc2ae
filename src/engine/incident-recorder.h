/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes incidents: listens to the lockspaces and registrations of an engine, by their signals and
 * properties as every other listener does, and tells the incident log.
 *
 * It decides nothing and delays nothing: what it does with a signal takes microseconds, whatever
 * the number of registrations.
 */
#pragma once

#include "engine/engine.h"
#include "engine/incident-log.h"

#define BAILIFF_TYPE_INCIDENT_RECORDER (bailiff_incident_recorder_get_type())
G_DECLARE_FINAL_TYPE(BailiffIncidentRecorder, bailiff_incident_recorder, BAILIFF, INCIDENT_RECORDER,
                     GObject)

/* Listens until it is gone; `engine` must have nothing yet, and is not held on to. */
BailiffIncidentRecorder *bailiff_incident_recorder_new(BailiffEngine *engine,
                                                       BailiffIncidentLog *log);

/* The incidents that an earlier daemon has followed go on, as the same: to be called when all that
 * it had is restored, and nothing of it goes on yet. bailiff_incident_log_end_take_over() when it
 * does. */
void bailiff_incident_recorder_take_over(BailiffIncidentRecorder *self, BailiffEngine *engine,
                                         const char *runtime_dir);
/* This daemon is about to hand over, `how` for people; or goes on after all. */
void bailiff_incident_recorder_hand_over(BailiffIncidentRecorder *self, const char *how);
void bailiff_incident_recorder_stay(BailiffIncidentRecorder *self, const char *why);
