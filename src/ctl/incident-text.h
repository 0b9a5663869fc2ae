/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The story of an incident, told: from the properties that the bus has to the rows of a timeline.
 */
#pragma once

#include <glib.h>

#include "ctl/output-table.h"

/* "2026-11-21 10:12:03", local time; of microseconds since 1970. */
char *incident_clock_text(guint64 real_us);

/* What an outcome means, as a sentence; "" for one that is not known. */
const char *incident_outcome_text(const char *outcome);

/* `properties`: a{sv} as org.bailiff.Bailiff1.Incident has them. A row for each thing that happened
 * (a step of a policy, from its start to its end, is one), with its seconds after the start of the
 * last good renewal. */
OutputTable *incident_timeline(GVariant *properties);
