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
