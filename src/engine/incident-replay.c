/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Steps, one after the other.
 */
#include "engine/incident-replay.h"

#include <string.h>

#include "base/checked-time.h"
#include "failure/failure-policy.h"

static ReplayedPart *take_part(IncidentReplay *self, const IncidentStep *step)
{
    ReplayedPart *part = g_hash_table_lookup(self->parts, &step->registration);

    if (part == NULL) {
        part = g_new0(ReplayedPart, 1);
        g_hash_table_insert(self->parts, g_memdup2(&step->registration, sizeof(guint64)), part);
    }
    part->last = step;
    return part;
}

static void replay_cleared(IncidentReplay *self, ReplayedPart *part, const IncidentStep *step,
                           guint64 in_time_us)
{
    gboolean was_using = part->state == PART_USING || part->state == PART_IGNORING;

    part->step_started_us = 0;
    part->state = strcmp(step->detail, "paused") == 0     ? PART_PAUSED
                  : strcmp(step->detail, "released") == 0 ? PART_RELEASED
                                                          : PART_ENDED;
    if (!was_using)
        return;
    if (self->failed_us == 0)
        self->early += part->state != PART_RELEASED ? 1 : 0;
    else if (step->time_us > time_add(self->failed_us, in_time_us))
        self->overdue = TRUE;
}

static void replay_part(IncidentReplay *self, const IncidentStep *step, guint64 in_time_us)
{
    ReplayedPart *part = take_part(self, step);

    switch (step->event) {
    case INCIDENT_STEP_STARTED:
        part->step_started_us = step->time_us;
        if (g_strcmp0(step->action, failure_action_name(FAILURE_ACTION_IGNORE)) == 0)
            part->state = PART_IGNORING;
        break;
    case INCIDENT_STEP_FINISHED:
        part->step_started_us = 0;
        break;
    case INCIDENT_REGISTRATION_CLEARED:
        replay_cleared(self, part, step, in_time_us);
        break;
    case INCIDENT_RESUMED:
    case INCIDENT_RESTARTED:
        part->state = PART_RELEASED;
        break;
    default:
        break;
    }
}

static void replay(IncidentReplay *self, const IncidentRecord *record, const IncidentStep *step,
                   guint64 in_time_us)
{
    if (step->registration != 0) {
        replay_part(self, step, in_time_us);
    } else if (step->event == INCIDENT_FAILED) {
        /* Who let go since it was late is not concerned. */
        g_hash_table_remove_all(self->parts);
        self->failed_us = MIN(step->time_us, record->fail_at_us);
    } else if (step->event == INCIDENT_LOST) {
        self->lost = TRUE;
    } else if (step->event == INCIDENT_JOINED) {
        self->joined = TRUE;
    }
}

IncidentReplay *incident_replay_new(const IncidentRecord *record, guint64 in_time_us)
{
    IncidentReplay *self = g_new0(IncidentReplay, 1);

    self->parts = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    for (guint i = 0; i < record->steps->len; i++)
        replay(self, record, record->steps->pdata[i], in_time_us);
    return self;
}

void incident_replay_free(IncidentReplay *self)
{
    g_hash_table_unref(self->parts);
    g_free(self);
}

GArray *incident_replay_list(const IncidentReplay *self)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(guint64));
    GHashTableIter iter;
    gpointer id, part;

    g_hash_table_iter_init(&iter, self->parts);
    while (g_hash_table_iter_next(&iter, &id, &part))
        if (((const ReplayedPart *)part)->state != PART_RELEASED)
            g_array_append_val(list, *(const guint64 *)id);
    return list;
}

const ReplayedPart *incident_replay_find(const IncidentReplay *self, guint64 registration)
{
    return g_hash_table_lookup(self->parts, &registration);
}
