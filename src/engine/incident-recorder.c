/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who is told what: from a signal to the incidents it concerns.
 *
 * A lockspace has at most one story that is followed (incident-story): of the incident that is
 * going on, or of the last one, whose paused and stopped registrations may yet return. A
 * registration can be in several, one for each lockspace in which it held leases.
 */
#include "engine/incident-recorder.h"

#include <unistd.h>

#include "common/boottime.h"
#include "engine/incident-story.h"
#include "engine/lockspace.h"
#include "engine/registration.h"
#include "engine/resource.h"

struct _BailiffIncidentRecorder {
    GObject parent_instance;

    BailiffIncidentLog *log;
    GHashTable *stories; /* name of a lockspace -> IncidentStory */
    GHashTable *parts;   /* BailiffRegistration -> GPtrArray of IncidentPart */
};

G_DEFINE_TYPE(BailiffIncidentRecorder, bailiff_incident_recorder, G_TYPE_OBJECT)

static void bailiff_incident_recorder_finalize(GObject *object)
{
    BailiffIncidentRecorder *self = BAILIFF_INCIDENT_RECORDER(object);

    g_hash_table_unref(self->stories);
    g_hash_table_unref(self->parts);
    g_object_unref(self->log);
    G_OBJECT_CLASS(bailiff_incident_recorder_parent_class)->finalize(object);
}

static void bailiff_incident_recorder_class_init(BailiffIncidentRecorderClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = bailiff_incident_recorder_finalize;
}

static void bailiff_incident_recorder_init(BailiffIncidentRecorder *self)
{
    self->parts = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
    self->stories =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)incident_story_free);
}

/* --- who is in which story ------------------------------------------------------------------- */

static void remove_part(BailiffIncidentRecorder *self, BailiffRegistration *registration,
                        IncidentPart *part)
{
    GPtrArray *list = g_hash_table_lookup(self->parts, registration);

    if (list != NULL && g_ptr_array_remove_fast(list, part) && list->len == 0)
        g_hash_table_remove(self->parts, registration);
}

static void on_part_gone(BailiffRegistration *registration, IncidentPart *part, gpointer user_data)
{
    remove_part(user_data, registration, part);
}

/* `part` NULL: it is in that story already. */
static void add_part(BailiffIncidentRecorder *self, IncidentPart *part,
                     BailiffRegistration *registration)
{
    GPtrArray *list = g_hash_table_lookup(self->parts, registration);

    if (part == NULL)
        return;
    if (list == NULL) {
        list = g_ptr_array_new();
        g_hash_table_insert(self->parts, registration, list);
    }
    g_ptr_array_add(list, part);
}

/* Those who hold leases there now. Found by the resources: to ask each lockspace for the list of
 * its registrations would compare each with all. */
static void cast(BailiffIncidentRecorder *self, IncidentStory *story, BailiffLockspace *lockspace)
{
    g_autoptr(GPtrArray) resources = bailiff_lockspace_list_resources(lockspace);

    for (guint i = 0; i < resources->len; i++) {
        g_autoptr(GPtrArray) holders = NULL;

        if (bailiff_resource_get_state(resources->pdata[i]) != BAILIFF_RESOURCE_HELD ||
            bailiff_resource_is_orphan(resources->pdata[i]))
            continue;
        holders = bailiff_resource_list_registrations(resources->pdata[i]);
        for (guint j = 0; j < holders->len; j++)
            add_part(self, incident_story_add(story, holders->pdata[j]), holders->pdata[j]);
    }
}

/* What is known of it is known to the log; nothing will be added. */
static void forget_story(BailiffIncidentRecorder *self, const char *lockspace)
{
    IncidentStory *story = g_hash_table_lookup(self->stories, lockspace);

    if (story == NULL)
        return;
    bailiff_incident_log_unfollow(self->log, incident_story_get_incident(story));
    g_hash_table_remove(self->stories, lockspace);
}

/* --- lockspaces ------------------------------------------------------------------------------ */

static IncidentStory *find_story(BailiffIncidentRecorder *self, BailiffLockspace *lockspace)
{
    return g_hash_table_lookup(self->stories, bailiff_lockspace_get_name(lockspace));
}

static IncidentStory *find_ongoing(BailiffIncidentRecorder *self, BailiffLockspace *lockspace)
{
    IncidentStory *story = find_story(self, lockspace);

    return story != NULL && !incident_story_is_over(story) ? story : NULL;
}

/* Borrowed. What was told of an earlier incident ends. */
static IncidentStory *begin_story(BailiffIncidentRecorder *self, BailiffLockspace *lockspace,
                                  const char *cause)
{
    const char *name = bailiff_lockspace_get_name(lockspace);
    BailiffIncident *incident = bailiff_incident_log_begin(
        self->log, name, cause, bailiff_lockspace_get_last_renewal(lockspace),
        bailiff_lockspace_get_fail_at(lockspace));
    IncidentStory *story = incident_story_new(incident, on_part_gone, self);

    forget_story(self, name);
    g_hash_table_insert(self->stories, g_strdup(name), story);
    return story;
}

static void on_late(BailiffLockspace *lockspace, guint64 seconds_left, const char *reason,
                    BailiffIncidentRecorder *self)
{
    IncidentStory *story = find_ongoing(self, lockspace);
    g_autofree char *detail =
        g_strdup_printf("%" G_GUINT64_FORMAT " s until it fails", seconds_left);

    if (story == NULL)
        story = begin_story(self, lockspace, reason);
    cast(self, story, lockspace);
    incident_story_tell(story, INCIDENT_RENEWAL_LATE, detail);
}

static void failed(BailiffIncidentRecorder *self, BailiffLockspace *lockspace)
{
    const char *reason = bailiff_lockspace_get_reason(lockspace);
    IncidentStory *story = find_story(self, lockspace);

    /* An earlier daemon has told that. */
    if (story != NULL && incident_story_is_of_this_failure(story))
        return;
    story = find_ongoing(self, lockspace);
    if (story == NULL)
        story = begin_story(self, lockspace, reason);
    /* Who let go since it was late is not concerned. */
    incident_story_drop_all(story);
    cast(self, story, lockspace);
    incident_story_failed(story, reason, bailiff_lockspace_get_last_renewal(lockspace),
                          bailiff_lockspace_get_fail_at(lockspace));
}

/* There is nothing more to follow. */
static void check_told(BailiffIncidentRecorder *self, BailiffLockspace *lockspace)
{
    IncidentStory *story = find_story(self, lockspace);

    if (story != NULL && incident_story_is_told(story))
        forget_story(self, bailiff_lockspace_get_name(lockspace));
}

static void on_lockspace_state(BailiffLockspace *lockspace, GParamSpec *pspec,
                               BailiffIncidentRecorder *self)
{
    IncidentStory *story = find_story(self, lockspace);

    switch (bailiff_lockspace_get_state(lockspace)) {
    case BAILIFF_LOCKSPACE_FAILING:
        failed(self, lockspace);
        break;
    case BAILIFF_LOCKSPACE_HELD:
        if (story != NULL)
            incident_story_held(story, bailiff_lockspace_get_generation(lockspace));
        check_told(self, lockspace);
        break;
    case BAILIFF_LOCKSPACE_LEAVING:
        if (story != NULL && !incident_story_is_over(story))
            incident_story_tell(story, INCIDENT_LEAVING, NULL);
        break;
    case BAILIFF_LOCKSPACE_LOST:
        if (story != NULL)
            incident_story_lost(story);
        break;
    case BAILIFF_LOCKSPACE_LATE:    /* renewal-late says more */
    case BAILIFF_LOCKSPACE_JOINING: /* is never entered */
        break;
    }
}

static void on_lockspace_added(BailiffEngine *engine, BailiffLockspace *lockspace,
                               BailiffIncidentRecorder *self)
{
    g_signal_connect_object(lockspace, "renewal-late", G_CALLBACK(on_late), self, 0);
    g_signal_connect_object(lockspace, "notify::state", G_CALLBACK(on_lockspace_state), self, 0);
}

static void on_lockspace_removed(BailiffEngine *engine, BailiffLockspace *lockspace,
                                 BailiffIncidentRecorder *self)
{
    IncidentStory *story = find_ongoing(self, lockspace);

    g_signal_handlers_disconnect_by_data(lockspace, self);
    if (story != NULL)
        incident_story_left(story);
}

/* --- registrations --------------------------------------------------------------------------- */

static GPtrArray *find_parts(BailiffIncidentRecorder *self, BailiffRegistration *registration)
{
    return g_hash_table_lookup(self->parts, registration);
}

static void on_step_started(BailiffRegistration *registration, guint index, const char *action,
                            BailiffIncidentRecorder *self)
{
    GPtrArray *parts = find_parts(self, registration);

    for (guint i = 0; parts != NULL && i < parts->len; i++)
        incident_part_step_started(parts->pdata[i], index, action);
}

static void on_step_finished(BailiffRegistration *registration, guint index, const char *action,
                             gboolean worked, const char *detail, BailiffIncidentRecorder *self)
{
    GPtrArray *parts = find_parts(self, registration);

    for (guint i = 0; parts != NULL && i < parts->len; i++)
        incident_part_step_finished(parts->pdata[i], index, action, worked, detail);
}

static void on_cleared(BailiffRegistration *registration, const char *how,
                       BailiffIncidentRecorder *self)
{
    GPtrArray *parts = find_parts(self, registration);

    for (guint i = 0; parts != NULL && i < parts->len; i++)
        incident_part_cleared(parts->pdata[i], how);
}

static void on_recovery(BailiffRegistration *registration, GParamSpec *pspec,
                        BailiffIncidentRecorder *self)
{
    GPtrArray *parts = find_parts(self, registration);

    for (guint i = 0; parts != NULL && i < parts->len; i++)
        incident_part_recovers(parts->pdata[i]);
}

static void on_registration_added(BailiffEngine *engine, BailiffRegistration *registration,
                                  BailiffIncidentRecorder *self)
{
    const struct {
        const char *name;
        GCallback handler;
    } handlers[] = {
        { "step-started", G_CALLBACK(on_step_started) },
        { "step-finished", G_CALLBACK(on_step_finished) },
        { "cleared", G_CALLBACK(on_cleared) },
        { "notify::recovery", G_CALLBACK(on_recovery) },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(handlers); i++)
        g_signal_connect_object(registration, handlers[i].name, handlers[i].handler, self, 0);
}

static void on_registration_removed(BailiffEngine *engine, BailiffRegistration *registration,
                                    BailiffIncidentRecorder *self)
{
    GPtrArray *parts;

    g_signal_handlers_disconnect_by_data(registration, self);
    while ((parts = find_parts(self, registration)) != NULL)
        incident_part_drop(parts->pdata[0]);
}

/* --- from one daemon to the next ------------------------------------------------------------- */

static gboolean was_handed_over(const IncidentRecord *record)
{
    for (guint i = record->steps->len; i-- > 0;) {
        const IncidentStep *step = record->steps->pdata[i];

        if (step->event == INCIDENT_HANDED_OVER || step->event == INCIDENT_TAKEN_OVER)
            return step->event == INCIDENT_HANDED_OVER;
    }
    return FALSE;
}

static void tell_taken_over(IncidentStory *story)
{
    gboolean in_order =
        was_handed_over(bailiff_incident_get_record(incident_story_get_incident(story)));
    g_autofree char *detail = g_strdup_printf(
        in_order ? "process %d goes on"
                 : "the bailiffd before had ended without handing over; process %d goes on",
        (int)getpid());

    incident_story_tell(story, INCIDENT_TAKEN_OVER, detail);
}

/* TRUE: somebody is left to tell of. */
static gboolean cast_again(BailiffIncidentRecorder *self, IncidentStory *story,
                           BailiffEngine *engine)
{
    g_autoptr(GArray) ids = incident_story_list_cast(story);
    gboolean any = FALSE;

    for (guint i = 0; i < ids->len; i++) {
        guint64 id = g_array_index(ids, guint64, i);
        BailiffRegistration *registration = bailiff_engine_find_registration(engine, id);

        if (registration == NULL) {
            incident_story_tell_gone(story, id);
            continue;
        }
        add_part(self, incident_story_resume_part(story, registration), registration);
        any = TRUE;
    }
    return any;
}

static void take_over(BailiffIncidentRecorder *self, BailiffEngine *engine,
                      BailiffIncident *incident)
{
    const char *name = bailiff_incident_get_record(incident)->lockspace;
    BailiffLockspace *lockspace = bailiff_engine_find_lockspace(engine, name);
    IncidentStory *story = incident_story_resume(incident, on_part_gone, self);
    gboolean any;

    /* Of an earlier loss, of which nobody has told the end: there was a later one. */
    forget_story(self, name);
    g_hash_table_insert(self->stories, g_strdup(name), story);
    if (!incident_story_is_over(story))
        tell_taken_over(story);
    any = cast_again(self, story, engine);
    if (lockspace != NULL && !incident_story_is_over(story))
        cast(self, story, lockspace);
    if (lockspace == NULL && !any)
        forget_story(self, name);
    else if (lockspace == NULL && !incident_story_is_over(story))
        bailiff_incident_end(incident, INCIDENT_INTERRUPTED, boottime_now());
}

void bailiff_incident_recorder_take_over(BailiffIncidentRecorder *self, BailiffEngine *engine,
                                         const char *runtime_dir)
{
    g_autoptr(GPtrArray) incidents = bailiff_incident_log_take_over(self->log, runtime_dir);

    for (guint i = 0; i < incidents->len; i++)
        take_over(self, engine, incidents->pdata[i]);
}

static void tell_all(BailiffIncidentRecorder *self, IncidentEvent event, const char *detail)
{
    GHashTableIter iter;
    gpointer story;

    g_hash_table_iter_init(&iter, self->stories);
    while (g_hash_table_iter_next(&iter, NULL, &story))
        if (!incident_story_is_over(story))
            incident_story_tell(story, event, detail);
}

void bailiff_incident_recorder_hand_over(BailiffIncidentRecorder *self, const char *how)
{
    tell_all(self, INCIDENT_HANDED_OVER, how);
}

void bailiff_incident_recorder_stay(BailiffIncidentRecorder *self, const char *why)
{
    tell_all(self, INCIDENT_TAKEN_OVER, why);
}

/* --- the engine ------------------------------------------------------------------------------ */

static void on_incident_removed(BailiffIncidentLog *log, BailiffIncident *incident,
                                BailiffIncidentRecorder *self)
{
    const char *lockspace = bailiff_incident_get_record(incident)->lockspace;
    IncidentStory *story = g_hash_table_lookup(self->stories, lockspace);

    if (story != NULL && incident_story_get_incident(story) == incident)
        forget_story(self, lockspace);
}

BailiffIncidentRecorder *bailiff_incident_recorder_new(BailiffEngine *engine,
                                                       BailiffIncidentLog *log)
{
    BailiffIncidentRecorder *self = g_object_new(BAILIFF_TYPE_INCIDENT_RECORDER, NULL);
    const struct {
        const char *name;
        GCallback handler;
    } handlers[] = {
        { "lockspace-added", G_CALLBACK(on_lockspace_added) },
        { "lockspace-removed", G_CALLBACK(on_lockspace_removed) },
        { "registration-added", G_CALLBACK(on_registration_added) },
        { "registration-removed", G_CALLBACK(on_registration_removed) },
    };

    self->log = g_object_ref(log);
    g_signal_connect_object(log, "incident-removed", G_CALLBACK(on_incident_removed), self, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(handlers); i++)
        g_signal_connect_object(engine, handlers[i].name, handlers[i].handler, self, 0);
    return self;
}
