/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One incident while it is followed: which registrations it is about, what has become of each, and
 * how it ends.
 *
 *   late --> (renewed in time) recovered
 *     \
 *      failed --> lost: cleared, overdue
 *          \----> all but those who go on by policy are cleared: ignored
 *           \---> left: as it stands
 *
 * After its end it is followed until the lockspace is joined again and whoever was paused or has
 * ended is back or gone.
 */
#pragma once

#include "engine/incident.h"
#include "engine/registration.h"

typedef struct IncidentStory IncidentStory;
/* A registration's part in a story. */
typedef struct IncidentPart IncidentPart;

/* A part is about to be freed. */
typedef void (*IncidentPartGone)(BailiffRegistration *registration, IncidentPart *part,
                                 gpointer user_data);

IncidentStory *incident_story_new(BailiffIncident *incident, IncidentPartGone part_gone,
                                  gpointer user_data);
/* Of an incident that an earlier daemon has followed: the story is what its steps make of it. It
 * has no parts yet. */
IncidentStory *incident_story_resume(BailiffIncident *incident, IncidentPartGone part_gone,
                                     gpointer user_data);
void incident_story_free(IncidentStory *self); /* with its parts */

BailiffIncident *incident_story_get_incident(IncidentStory *self);
/* The incident has ended. */
gboolean incident_story_is_over(IncidentStory *self);
/* ... and nothing that would follow is to be expected. */
gboolean incident_story_is_told(IncidentStory *self);

/* It has failed, and neither is it lost nor held again: what fails there is the same loss. */
gboolean incident_story_is_of_this_failure(IncidentStory *self);

/* Borrowed; NULL when it has one already. */
IncidentPart *incident_story_add(IncidentStory *self, BailiffRegistration *registration);
void incident_story_drop_all(IncidentStory *self);
/* Whom its steps tell of: the number of each registration that has a part of it to play yet. New
 * array of guint64. */
GArray *incident_story_list_cast(IncidentStory *self);
/* `registration`, one of those, goes on where the steps have left it. Borrowed; NULL when it has
 * one already. */
IncidentPart *incident_story_resume_part(IncidentStory *self, BailiffRegistration *registration);
/* It is not there any more: it has ended without anybody's seeing it. */
void incident_story_tell_gone(IncidentStory *self, guint64 registration);

/* Adds a step of the lockspace. `detail` may be NULL. */
void incident_story_tell(IncidentStory *self, IncidentEvent event, const char *detail);

void incident_story_failed(IncidentStory *self, const char *cause, guint64 last_renewal_us,
                           guint64 fail_at_us);
/* Renewed, or joined again. */
void incident_story_held(IncidentStory *self, guint64 generation);
void incident_story_lost(IncidentStory *self);
/* The lockspace is not there any more. */
void incident_story_left(IncidentStory *self);

void incident_part_step_started(IncidentPart *self, guint index, const char *action);
void incident_part_step_finished(IncidentPart *self, guint index, const char *action,
                                 gboolean worked, const char *detail);
void incident_part_cleared(IncidentPart *self, const char *how);
/* Its recovery has changed: what it waits for, or it is back. */
void incident_part_recovers(IncidentPart *self);
/* It is gone from the engine. */
void incident_part_drop(IncidentPart *self);
