/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stored incidents. Whatever a file holds: it is understood as a whole, within all bounds, or
 * refused; and what was understood is written as what is understood again.
 */
#include <string.h>

#include "common/bailiff-error.h"
#include "engine/incident-file.h"
#include "fuzz.h"

#define NUMBER 7

static void check_text(const char *text, gsize size)
{
    g_assert_nonnull(text);
    g_assert_cmpuint(strlen(text), <, size);
    g_assert_true(g_utf8_validate(text, -1, NULL));
}

static void check_step(const IncidentStep *step)
{
    g_assert_cmpint(step->event, <, INCIDENT_EVENT_COUNT);
    g_assert_true((step->registration != 0) == (step->name != NULL));
    g_assert_true((step->action != NULL) == (step->index >= 0));
    if (step->name != NULL) {
        check_text(step->name, INCIDENT_NAME_SIZE);
        check_text(step->kind, INCIDENT_NAME_SIZE);
    }
    if (step->action != NULL)
        check_text(step->action, INCIDENT_NAME_SIZE);
    check_text(step->detail, INCIDENT_DETAIL_SIZE);
}

static void check_record(const IncidentRecord *record)
{
    g_assert_cmpuint(record->number, ==, NUMBER);
    g_assert_cmpint(record->outcome, <, INCIDENT_OUTCOME_COUNT);
    g_assert_true((record->ended_us == 0) == (record->outcome == INCIDENT_ONGOING));
    check_text(record->lockspace, INCIDENT_NAME_SIZE);
    check_text(record->cause, INCIDENT_CAUSE_SIZE);
    check_text(record->boot_id, INCIDENT_NAME_SIZE);
    g_assert_cmpuint(record->lockspace_steps, <=, INCIDENT_LOCKSPACE_STEPS_MAX);
    g_assert_cmpuint(record->steps->len - record->lockspace_steps, <=, INCIDENT_STEPS_MAX);
    for (guint i = 0; i < record->steps->len; i++)
        check_step(record->steps->pdata[i]);
}

static char *print(const IncidentRecord *record)
{
    gsize length;
    char *text = incident_file_print(record, &length);

    g_assert_cmpuint(length, ==, strlen(text));
    g_assert_cmpuint(length, <=, INCIDENT_FILE_MAX);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(IncidentRecord) record =
        incident_file_parse((const char *)data, size, NUMBER, &error);

    if (record == NULL) {
        fuzz_assert_error(error);
        g_assert_true(g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_CORRUPT) ||
                      g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_UNSUPPORTED));
        return 0;
    }
    g_assert_no_error(error);
    check_record(record);
    {
        g_autofree char *text = print(record);
        g_autoptr(IncidentRecord) again = incident_file_parse(text, strlen(text), NUMBER, &error);
        g_autofree char *text_again = NULL;

        g_assert_no_error(error);
        text_again = print(again);
        g_assert_cmpstr(text_again, ==, text);
    }
    return 0;
}
