/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An incident as a key file, and back.
 */
#include "engine/incident-file.h"

#include <string.h>

#include "common/bailiff-error.h"

#define GROUP SAVED_INCIDENT_GROUP
#define FORMAT SAVED_INCIDENT_FORMAT

#define CORRUPT_CURE "It is left as it is; remove it when it is of no use."

/* --- printing -------------------------------------------------------------------------------- */

static void print_step(GKeyFile *file, guint place, const IncidentStep *step)
{
    char group[32];

    g_snprintf(group, sizeof group, "step-%u", place);
    g_key_file_set_uint64(file, group, "TimeUsec", step->time_us);
    g_key_file_set_string(file, group, "Event", incident_event_name(step->event));
    if (step->registration != 0) {
        g_key_file_set_uint64(file, group, "Registration", step->registration);
        g_key_file_set_string(file, group, "Name", step->name != NULL ? step->name : "");
        g_key_file_set_string(file, group, "Kind", step->kind != NULL ? step->kind : "");
    }
    if (step->action != NULL) {
        g_key_file_set_integer(file, group, "Index", step->index);
        g_key_file_set_string(file, group, "Action", step->action);
    }
    if (step->event == INCIDENT_STEP_FINISHED)
        g_key_file_set_boolean(file, group, "Worked", step->worked);
    if (step->took_us != 0)
        g_key_file_set_uint64(file, group, "TookUsec", step->took_us);
    if (step->detail[0] != '\0')
        g_key_file_set_string(file, group, "Detail", step->detail);
}

char *incident_file_print(const IncidentRecord *record, gsize *ret_length)
{
    g_autoptr(GKeyFile) file = g_key_file_new();

    g_key_file_set_integer(file, GROUP, "Format", FORMAT);
    g_key_file_set_uint64(file, GROUP, "Number", record->number);
    g_key_file_set_string(file, GROUP, "Lockspace", record->lockspace);
    g_key_file_set_string(file, GROUP, "Cause", record->cause);
    g_key_file_set_string(file, GROUP, "BootId", record->boot_id);
    g_key_file_set_uint64(file, GROUP, "StartedUsec", record->started_us);
    g_key_file_set_uint64(file, GROUP, "StartedRealtimeUsec", record->started_real_us);
    g_key_file_set_uint64(file, GROUP, "LastRenewalUsec", record->last_renewal_us);
    g_key_file_set_uint64(file, GROUP, "FailAtUsec", record->fail_at_us);
    g_key_file_set_uint64(file, GROUP, "EndedUsec", record->ended_us);
    g_key_file_set_string(file, GROUP, "Outcome", incident_outcome_name(record->outcome));
    g_key_file_set_uint64(file, GROUP, "RegistrationCount", record->registrations);
    g_key_file_set_uint64(file, GROUP, "ClearedCount", record->cleared);
    g_key_file_set_uint64(file, GROUP, "StepsDropped", record->dropped);
    /* What was cut off somewhere is seen by this. */
    g_key_file_set_uint64(file, GROUP, "StepCount", record->steps->len);
    for (guint i = 0; i < record->steps->len; i++)
        print_step(file, i, record->steps->pdata[i]);
    return g_key_file_to_data(file, ret_length, NULL);
}

/* --- parsing --------------------------------------------------------------------------------- */

/* A file that is being read: the first thing wrong with it is kept. */
typedef struct Reading {
    GKeyFile *file;
    const char *group;
    guint keys; /* found in the group */
    GError *error;
} Reading;

static void fail(Reading *self, const char *key)
{
    if (self->error == NULL)
        bailiff_set_error(&self->error, BAILIFF_ERROR_CORRUPT, CORRUPT_CURE,
                          "%s of group %s is missing or wrong.", key, self->group);
}

static guint64 read_number(Reading *self, const char *key, guint64 max)
{
    g_autofree char *text = g_key_file_get_value(self->file, self->group, key, NULL);
    guint64 number = 0;

    if (text == NULL || !g_ascii_string_to_unsigned(text, 10, 0, max, &number, NULL))
        fail(self, key);
    self->keys++;
    return number;
}

/* Owned; never NULL. */
static char *read_text(Reading *self, const char *key, gsize size)
{
    g_autofree char *text = g_key_file_get_string(self->file, self->group, key, NULL);

    self->keys++;
    if (text == NULL || strlen(text) >= size || !g_utf8_validate(text, -1, NULL)) {
        fail(self, key);
        return g_strdup("");
    }
    return g_steal_pointer(&text);
}

static gboolean has(Reading *self, const char *key)
{
    return g_key_file_has_key(self->file, self->group, key, NULL);
}

/* What nobody looks at would be lost with the next write. */
static void check_nothing_more(Reading *self)
{
    gsize n = 0;
    g_auto(GStrv) keys = g_key_file_get_keys(self->file, self->group, &n, NULL);

    if (keys == NULL || n != self->keys)
        fail(self, "A key");
}

static void read_event(Reading *self, IncidentStep *step)
{
    g_autofree char *event = read_text(self, "Event", INCIDENT_NAME_SIZE);

    step->event = incident_event_from_name(event);
    if (step->event == INCIDENT_EVENT_COUNT) {
        fail(self, "Event");
        step->event = INCIDENT_FAILED;
    }
}

static void read_worked(Reading *self, IncidentStep *step)
{
    g_autoptr(GError) error = NULL;

    step->worked = g_key_file_get_boolean(self->file, self->group, "Worked", &error);
    self->keys++;
    if (error != NULL)
        fail(self, "Worked");
}

static void read_step(Reading *self, IncidentRecord *record, guint place)
{
    char group[32];
    IncidentStep step = { .index = -1 };
    g_autofree char *name = NULL, *kind = NULL, *action = NULL, *detail = NULL;

    g_snprintf(group, sizeof group, "step-%u", place);
    self->group = group;
    self->keys = 0;
    step.time_us = read_number(self, "TimeUsec", G_MAXINT64);
    read_event(self, &step);
    if (has(self, "Registration")) {
        step.registration = read_number(self, "Registration", G_MAXUINT64);
        step.name = name = read_text(self, "Name", INCIDENT_NAME_SIZE);
        step.kind = kind = read_text(self, "Kind", INCIDENT_NAME_SIZE);
        if (step.registration == 0)
            fail(self, "Registration");
    }
    if (has(self, "Action")) {
        step.action = action = read_text(self, "Action", INCIDENT_NAME_SIZE);
        step.index = (int)read_number(self, "Index", G_MAXUINT16);
    }
    if (step.event == INCIDENT_STEP_FINISHED)
        read_worked(self, &step);
    if (has(self, "TookUsec"))
        step.took_us = read_number(self, "TookUsec", G_MAXINT64);
    if (has(self, "Detail"))
        step.detail = detail = read_text(self, "Detail", INCIDENT_DETAIL_SIZE);
    check_nothing_more(self);
    if (!incident_record_add(record, incident_step_new(&step)))
        fail(self, "Registration");
    self->group = NULL;
}

static void read_times(Reading *self, IncidentRecord *record)
{
    record->started_us = read_number(self, "StartedUsec", G_MAXINT64);
    record->started_real_us = read_number(self, "StartedRealtimeUsec", G_MAXINT64);
    record->last_renewal_us = read_number(self, "LastRenewalUsec", G_MAXINT64);
    record->fail_at_us = read_number(self, "FailAtUsec", G_MAXINT64);
    record->ended_us = read_number(self, "EndedUsec", G_MAXINT64);
}

static void read_incident(Reading *self, IncidentRecord *record)
{
    g_autofree char *outcome = NULL;
    guint64 n_steps;
    gsize n_groups;

    self->group = GROUP;
    self->keys = 1; /* Format */
    record->number = read_number(self, "Number", INCIDENT_NUMBER_MAX);
    record->lockspace = read_text(self, "Lockspace", INCIDENT_NAME_SIZE);
    record->cause = read_text(self, "Cause", INCIDENT_CAUSE_SIZE);
    record->boot_id = read_text(self, "BootId", INCIDENT_NAME_SIZE);
    read_times(self, record);
    outcome = read_text(self, "Outcome", INCIDENT_NAME_SIZE);
    record->outcome = incident_outcome_from_name(outcome);
    record->registrations = (guint)read_number(self, "RegistrationCount", G_MAXUINT32);
    record->cleared = (guint)read_number(self, "ClearedCount", G_MAXUINT32);
    record->dropped = read_number(self, "StepsDropped", G_MAXINT64);
    n_steps = read_number(self, "StepCount", INCIDENT_STEPS_MAX + INCIDENT_LOCKSPACE_STEPS_MAX);
    if (record->outcome == INCIDENT_OUTCOME_COUNT)
        fail(self, "Outcome");
    else if ((record->outcome == INCIDENT_ONGOING) != (record->ended_us == 0))
        fail(self, "EndedUsec");
    check_nothing_more(self);
    g_strfreev(g_key_file_get_groups(self->file, &n_groups));
    if (n_groups != n_steps + 1)
        fail(self, "StepCount");
    for (guint i = 0; i < n_steps && self->error == NULL; i++)
        read_step(self, record, i);
}

static gboolean check_format(GKeyFile *file, guint64 number, GError **error)
{
    g_autofree char *format = g_key_file_get_value(file, GROUP, "Format", NULL);
    g_autofree char *said = g_key_file_get_value(file, GROUP, "Number", NULL);
    guint64 version, its_number;

    if (format == NULL || !g_ascii_string_to_unsigned(format, 10, 1, G_MAXUINT32, &version, NULL)) {
        bailiff_set_error(error, BAILIFF_ERROR_CORRUPT, CORRUPT_CURE, "It is no incident.");
        return FALSE;
    }
    if (version != FORMAT) {
        bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED,
                          "It is left as it is, for the bailiffd that wrote it.",
                          "Its format is %" G_GUINT64_FORMAT ", and this bailiffd knows %d.",
                          version, FORMAT);
        return FALSE;
    }
    if (said != NULL && g_ascii_string_to_unsigned(said, 10, 0, G_MAXUINT64, &its_number, NULL) &&
        its_number == number)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_CORRUPT, CORRUPT_CURE,
                      "It does not say that it is incident %" G_GUINT64_FORMAT ".", number);
    return FALSE;
}

IncidentRecord *incident_file_parse(const char *text, gsize length, guint64 number, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(IncidentRecord) record = incident_record_new();
    Reading reading = { .file = file };

    if (length > INCIDENT_FILE_MAX || length == 0 || memchr(text, '\0', length) != NULL ||
        !g_key_file_load_from_data(file, text, length, G_KEY_FILE_NONE, NULL)) {
        bailiff_set_error(error, BAILIFF_ERROR_CORRUPT, CORRUPT_CURE, "It is no key file.");
        return NULL;
    }
    if (!check_format(file, number, error))
        return NULL;
    read_incident(&reading, record);
    if (reading.error == NULL)
        return g_steal_pointer(&record);
    g_propagate_error(error, reading.error);
    return NULL;
}
