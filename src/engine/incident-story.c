/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Following an incident.
 */
#include "engine/incident-story.h"

#include <string.h>

#include "base/checked-time.h"
#include "common/boottime.h"
#include "engine/incident-replay.h"
#include "failure/failure-policy.h"

/* Who is cleared by then is so in time: the watchdog can fire 50 seconds after the fail deadline,
 * and others may act after 60 (lease-algorithms facts). Graces end 10 seconds earlier; the last
 * kill needs some of them. */
#define IN_TIME_SECONDS (FAILURE_BUDGET_SECONDS + 10u)

struct IncidentPart {
    IncidentStory *story;
    BailiffRegistration *registration;
    PartState state;
    guint64 step_started_us; /* 0: no step is being walked */
    int inherited_step;      /* that an earlier daemon has started; -1: none */
};

struct IncidentStory {
    BailiffIncident *incident;
    GHashTable *parts; /* BailiffRegistration -> IncidentPart */
    IncidentPartGone part_gone;
    gpointer user_data;
    guint counts[PART_STATE_COUNT];
    guint64 failed_us; /* when its policies began, or should have; 0: has not failed */
    guint early;       /* how many have ended while it was late */
    gboolean lost;
    gboolean joined; /* again */
    gboolean overdue;
    IncidentReplay *replay; /* of what an earlier daemon has told; NULL: nothing */
};

static void set_state(IncidentPart *self, PartState state)
{
    self->story->counts[self->state]--;
    self->state = state;
    self->story->counts[state]++;
}

static void part_free(gpointer data)
{
    IncidentPart *self = data;

    self->story->counts[self->state]--;
    self->story->part_gone(self->registration, self, self->story->user_data);
    g_object_unref(self->registration);
    g_free(self);
}

IncidentStory *incident_story_new(BailiffIncident *incident, IncidentPartGone part_gone,
                                  gpointer user_data)
{
    IncidentStory *self = g_new0(IncidentStory, 1);

    self->incident = g_object_ref(incident);
    self->part_gone = part_gone;
    self->user_data = user_data;
    self->parts = g_hash_table_new_full(NULL, NULL, NULL, part_free);
    return self;
}

void incident_story_free(IncidentStory *self)
{
    g_hash_table_unref(self->parts);
    g_clear_pointer(&self->replay, incident_replay_free);
    g_object_unref(self->incident);
    g_free(self);
}

IncidentStory *incident_story_resume(BailiffIncident *incident, IncidentPartGone part_gone,
                                     gpointer user_data)
{
    IncidentStory *self = incident_story_new(incident, part_gone, user_data);

    self->replay = incident_replay_new(bailiff_incident_get_record(incident),
                                       time_from_seconds(IN_TIME_SECONDS));
    self->failed_us = self->replay->failed_us;
    self->early = self->replay->early;
    self->lost = self->replay->lost;
    self->joined = self->replay->joined;
    self->overdue = self->replay->overdue;
    return self;
}

BailiffIncident *incident_story_get_incident(IncidentStory *self)
{
    return self->incident;
}

gboolean incident_story_is_over(IncidentStory *self)
{
    return !bailiff_incident_is_ongoing(self->incident);
}

gboolean incident_story_is_told(IncidentStory *self)
{
    return incident_story_is_over(self) &&
           (self->failed_us == 0 ||
            (self->joined && self->counts[PART_PAUSED] + self->counts[PART_ENDED] == 0));
}

gboolean incident_story_is_of_this_failure(IncidentStory *self)
{
    return self->failed_us != 0 && !self->lost && !self->joined;
}

static IncidentPart *add_part(IncidentStory *self, BailiffRegistration *registration)
{
    IncidentPart *part;

    if (g_hash_table_contains(self->parts, registration))
        return NULL;
    part = g_new0(IncidentPart, 1);
    part->story = self;
    part->registration = g_object_ref(registration);
    part->inherited_step = -1;
    self->counts[PART_USING]++;
    g_hash_table_insert(self->parts, registration, part);
    return part;
}

IncidentPart *incident_story_add(IncidentStory *self, BailiffRegistration *registration)
{
    IncidentPart *part = add_part(self, registration);

    if (part == NULL)
        return NULL;
    /* Because of another lockspace: its only step is not started a second time. */
    if (bailiff_registration_get_state(registration) == BAILIFF_REGISTRATION_FAILING &&
        bailiff_registration_get_failure_policy(registration)->steps[0].action ==
            FAILURE_ACTION_IGNORE)
        set_state(part, PART_IGNORING);
    return part;
}

void incident_story_drop_all(IncidentStory *self)
{
    g_hash_table_remove_all(self->parts);
}

GArray *incident_story_list_cast(IncidentStory *self)
{
    return incident_replay_list(self->replay);
}

IncidentPart *incident_story_resume_part(IncidentStory *self, BailiffRegistration *registration)
{
    const ReplayedPart *replayed =
        incident_replay_find(self->replay, bailiff_registration_get_id(registration));
    IncidentPart *part = add_part(self, registration);

    if (part == NULL || replayed == NULL)
        return part;
    set_state(part, replayed->state);
    part->step_started_us = replayed->step_started_us;
    part->inherited_step = replayed->step_started_us != 0 ? replayed->last->index : -1;
    return part;
}

/* --- steps ----------------------------------------------------------------------------------- */

static void add_step(IncidentStory *self, const IncidentStep *step)
{
    bailiff_incident_add_step(self->incident, incident_step_new(step));
}

void incident_story_tell(IncidentStory *self, IncidentEvent event, const char *detail)
{
    const IncidentStep step = {
        .time_us = boottime_now(), .event = event, .index = -1, .detail = (char *)detail
    };

    add_step(self, &step);
}

static void tell_of(IncidentPart *self, IncidentStep step)
{
    step.registration = bailiff_registration_get_id(self->registration);
    step.name = (char *)bailiff_registration_get_name(self->registration);
    step.kind = (char *)bailiff_registration_get_kind(self->registration);
    add_step(self->story, &step);
}

/* --- how it ends ----------------------------------------------------------------------------- */

static void note_cleared(IncidentStory *self, guint64 now_us)
{
    if (self->failed_us == 0)
        return;
    if (now_us > time_add(self->failed_us, time_from_seconds(IN_TIME_SECONDS)))
        self->overdue = TRUE;
    bailiff_incident_count_cleared(self->incident);
}

static void end(IncidentStory *self, IncidentOutcome outcome)
{
    bailiff_incident_end(self->incident, outcome, boottime_now());
}

/* Of an incident with nobody left who uses its leases without being allowed to. */
static IncidentOutcome outcome_of(IncidentStory *self)
{
    if (self->overdue)
        return INCIDENT_OVERDUE;
    return self->counts[PART_IGNORING] > 0 ? INCIDENT_IGNORED : INCIDENT_CLEARED;
}

/* The lockspace stays failing for as long as those who go on by policy go on; of the story that is
 * all there will be. */
static void check_only_ignoring(IncidentStory *self)
{
    if (self->failed_us != 0 && !incident_story_is_over(self) && self->counts[PART_USING] == 0 &&
        self->counts[PART_IGNORING] > 0)
        end(self, outcome_of(self));
}

void incident_story_failed(IncidentStory *self, const char *cause, guint64 last_renewal_us,
                           guint64 fail_at_us)
{
    /* Before its deadline when the lease was found to be somebody else's. */
    self->failed_us = MIN(boottime_now(), fail_at_us);
    bailiff_incident_set_failed(self->incident, cause, last_renewal_us, fail_at_us,
                                g_hash_table_size(self->parts) + self->early, self->early);
    incident_story_tell(self, INCIDENT_FAILED, NULL);
    check_only_ignoring(self);
}

void incident_story_held(IncidentStory *self, guint64 generation)
{
    g_autofree char *detail = g_strdup_printf("generation %" G_GUINT64_FORMAT, generation);

    if (!incident_story_is_over(self)) {
        incident_story_tell(self, INCIDENT_RENEWED, NULL);
        end(self, INCIDENT_RECOVERED);
    } else if (self->failed_us != 0 && !self->joined) {
        self->joined = TRUE;
        incident_story_tell(self, INCIDENT_JOINED, detail);
    }
}

static void tell_cleared(IncidentPart *self, guint64 now_us, const char *how)
{
    guint64 failed_us = self->story->failed_us;

    tell_of(self, (IncidentStep){ .time_us = now_us,
                                  .event = INCIDENT_REGISTRATION_CLEARED,
                                  .index = -1,
                                  .took_us = failed_us != 0 ? time_since(now_us, failed_us) : 0,
                                  .detail = (char *)how });
}

/* Nobody uses anything of it: who was not seen to be cleared has let go. It may say so itself only
 * after this, or, where it is walked because of another lockspace, not at all. */
static void settle(IncidentStory *self)
{
    guint64 now_us = boottime_now();
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->parts);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        IncidentPart *part = value;

        if (part->state != PART_USING && part->state != PART_IGNORING)
            continue;
        set_state(part, PART_RELEASED);
        note_cleared(self, now_us);
        tell_cleared(part, now_us, "released");
    }
}

void incident_story_tell_gone(IncidentStory *self, guint64 registration)
{
    const ReplayedPart *replayed = incident_replay_find(self->replay, registration);
    guint64 now_us = boottime_now();
    IncidentStep step = { .time_us = now_us,
                          .event = INCIDENT_REGISTRATION_CLEARED,
                          .index = -1,
                          .detail = (char *)"exited" };

    if (replayed == NULL || (replayed->state != PART_USING && replayed->state != PART_IGNORING))
        return;
    note_cleared(self, now_us);
    step.registration = registration;
    step.name = replayed->last->name;
    step.kind = replayed->last->kind;
    step.took_us = self->failed_us != 0 ? time_since(now_us, self->failed_us) : 0;
    add_step(self, &step);
}

/* Of those who used it when an earlier daemon wrote it down, some had no step yet and were gone
 * when this one came. */
static void count_the_rest(IncidentStory *self)
{
    const IncidentRecord *record = bailiff_incident_get_record(self->incident);

    while (self->replay != NULL && record->cleared < record->registrations)
        bailiff_incident_count_cleared(self->incident);
}

void incident_story_lost(IncidentStory *self)
{
    /* A lockspace that could not be joined again is lost as well: that is no part of this. */
    if (self->lost || self->failed_us == 0)
        return;
    self->lost = TRUE;
    settle(self);
    count_the_rest(self);
    incident_story_tell(self, INCIDENT_LOST, NULL);
    if (!incident_story_is_over(self))
        end(self, outcome_of(self));
}

void incident_story_left(IncidentStory *self)
{
    gboolean in_use = self->failed_us != 0 && self->counts[PART_USING] > 0;

    incident_story_tell(self, INCIDENT_LEFT, NULL);
    end(self, in_use ? INCIDENT_UNCLEARED : outcome_of(self));
}

/* --- registrations --------------------------------------------------------------------------- */

/* It is back, or let go long ago: what is done to it from now on (a drill, a request of another
 * host, the next incident) is another story. */
static gboolean is_done(IncidentPart *self)
{
    return self->state == PART_RELEASED && incident_story_is_over(self->story);
}

void incident_part_step_started(IncidentPart *self, guint index, const char *action)
{
    gboolean goes_on = self->inherited_step == (int)index;
    guint64 now_us = boottime_now();

    if (is_done(self))
        return;
    self->inherited_step = -1;
    if (!goes_on)
        self->step_started_us = now_us;
    tell_of(self,
            (IncidentStep){ .time_us = now_us,
                            .event = goes_on ? INCIDENT_STEP_CONTINUED : INCIDENT_STEP_STARTED,
                            .index = (int)index,
                            .action = (char *)action });
    if (strcmp(action, failure_action_name(FAILURE_ACTION_IGNORE)) != 0)
        return;
    set_state(self, PART_IGNORING);
    check_only_ignoring(self->story);
}

void incident_part_step_finished(IncidentPart *self, guint index, const char *action,
                                 gboolean worked, const char *detail)
{
    guint64 now_us = boottime_now();
    guint64 since_us = self->step_started_us != 0 ? self->step_started_us : now_us;

    if (is_done(self))
        return;
    self->step_started_us = 0;
    tell_of(self, (IncidentStep){ .time_us = now_us,
                                  .event = INCIDENT_STEP_FINISHED,
                                  .index = (int)index,
                                  .action = (char *)action,
                                  .worked = worked,
                                  .took_us = time_since(now_us, since_us),
                                  .detail = (char *)detail });
}

/* It is active before it runs again, and may yet turn out not to: back it is when nothing of its
 * recovery is left. */
void incident_part_recovers(IncidentPart *self)
{
    const char *recovery = bailiff_registration_get_recovery(self->registration);
    IncidentStep step = { .time_us = boottime_now(), .index = -1 };

    if (self->state != PART_PAUSED && self->state != PART_ENDED)
        return;
    if (recovery[0] != '\0') {
        step.event = INCIDENT_RECOVERY;
        step.detail = (char *)recovery;
    } else if (bailiff_registration_get_state(self->registration) == BAILIFF_REGISTRATION_ACTIVE) {
        step.event = self->state == PART_PAUSED ? INCIDENT_RESUMED : INCIDENT_RESTARTED;
        set_state(self, PART_RELEASED);
    } else {
        return;
    }
    tell_of(self, step);
}

void incident_part_cleared(IncidentPart *self, const char *how)
{
    IncidentStory *story = self->story;
    gboolean was_using = self->state == PART_USING || self->state == PART_IGNORING;
    guint64 now_us = boottime_now();

    if (is_done(self))
        return;
    self->step_started_us = 0;
    set_state(self, strcmp(how, "paused") == 0     ? PART_PAUSED
                    : strcmp(how, "released") == 0 ? PART_RELEASED
                                                   : PART_ENDED);
    if (was_using)
        note_cleared(story, now_us);
    if (was_using && story->failed_us == 0 && self->state != PART_RELEASED)
        story->early++;
    tell_cleared(self, now_us, how);
    check_only_ignoring(story);
}

void incident_part_drop(IncidentPart *self)
{
    IncidentStory *story = self->story;

    if (self->state == PART_USING || self->state == PART_IGNORING)
        note_cleared(story, boottime_now());
    g_hash_table_remove(story->parts, self->registration);
    check_only_ignoring(story);
}
