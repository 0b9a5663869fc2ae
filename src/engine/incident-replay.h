/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the steps of an incident say about where it stands, for a daemon that goes on with what an
 * earlier one has told: there is nothing else written down of it, so the two cannot disagree.
 */
#pragma once

#include "engine/incident-record.h"

/* Where a registration stands in an incident. */
typedef enum PartState {
    PART_USING,    /* its leases, or walked */
    PART_IGNORING, /* goes on by policy */
    PART_PAUSED,
    PART_ENDED,
    PART_RELEASED, /* by its own wish: it lives */
    PART_STATE_COUNT,
} PartState;

typedef struct ReplayedPart {
    PartState state;
    guint64 step_started_us;  /* 0: no step was being walked */
    const IncidentStep *last; /* that tells of it; of the record */
} ReplayedPart;

typedef struct IncidentReplay {
    guint64 failed_us; /* when its policies began, or should have; 0: has not failed */
    guint early;       /* how many had ended while it was late */
    gboolean lost;
    gboolean joined; /* again */
    gboolean overdue;
    GHashTable *parts; /* guint64* -> ReplayedPart */
} IncidentReplay;

/* `record` stays valid. Who is cleared later than `in_time_us` after it has failed is overdue. */
IncidentReplay *incident_replay_new(const IncidentRecord *record, guint64 in_time_us);
void incident_replay_free(IncidentReplay *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(IncidentReplay, incident_replay_free)

/* New array of guint64: those who have a part to play yet. */
GArray *incident_replay_list(const IncidentReplay *self);
/* NULL: no step tells of it. */
const ReplayedPart *incident_replay_find(const IncidentReplay *self, guint64 registration);
