/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stored form of an incident: a key file with a group for the incident and one for each step.
 *
 * What is read back may be anything: a file is understood as a whole, with everything in its bounds
 * and nothing too much, or not at all.
 */
#pragma once

#include "common/saved-state.h"
#include "engine/incident-record.h"

#define INCIDENT_FILE_MAX SAVED_INCIDENT_MAX

char *incident_file_print(const IncidentRecord *record, gsize *ret_length);

/* NULL with an error: Unsupported (a later format), Corrupt. `number`: that of the file's name. */
IncidentRecord *incident_file_parse(const char *text, gsize length, guint64 number, GError **error);
