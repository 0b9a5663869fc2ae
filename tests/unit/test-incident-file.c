/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stored form of incidents: there and back, and what is no incident.
 */
#include <glib.h>
#include <string.h>

#include "common/bailiff-error.h"
#include "engine/incident-file.h"

static IncidentRecord *make_record(void)
{
    IncidentRecord *record = incident_record_new();
    const IncidentStep steps[] = {
        { .time_us = 6000000,
          .event = INCIDENT_RENEWAL_LATE,
          .index = -1,
          .detail = (char *)"2 s" },
        { .time_us = 8000000, .event = INCIDENT_FAILED, .index = -1 },
        { .time_us = 8000100,
          .event = INCIDENT_STEP_STARTED,
          .registration = 7,
          .name = (char *)"guest=1",
          .kind = (char *)"process",
          .index = 0,
          .action = (char *)"kill" },
        { .time_us = 8000200,
          .event = INCIDENT_STEP_FINISHED,
          .registration = 7,
          .name = (char *)"guest=1",
          .kind = (char *)"process",
          .index = 0,
          .action = (char *)"kill",
          .worked = TRUE,
          .took_us = 100,
          .detail = (char *)" two lines\nand a \\ in them; ü" },
        { .time_us = 8000300, .event = INCIDENT_LOST, .index = -1 },
    };

    record->number = 42;
    record->lockspace = g_strdup("space");
    record->cause = g_strdup("The storage does not answer.\nCheck it.");
    record->boot_id = g_strdup("0f5e0b0e-0000-4000-8000-000000000000");
    record->started_us = 6000000;
    record->started_real_us = G_GUINT64_CONSTANT(1763719200000000);
    record->last_renewal_us = 1;
    record->fail_at_us = 8000001;
    record->ended_us = 8000300;
    record->outcome = INCIDENT_CLEARED;
    record->registrations = record->cleared = 1;
    record->dropped = 3;
    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++)
        g_assert_true(incident_record_add(record, incident_step_new(&steps[i])));
    return record;
}

static char *print(IncidentRecord *record)
{
    gsize length;
    char *text = incident_file_print(record, &length);

    g_assert_cmpuint(length, ==, strlen(text));
    return text;
}

static IncidentRecord *parse(const char *text, GError **error)
{
    return incident_file_parse(text, strlen(text), 42, error);
}

static void test_round_trip(void)
{
    g_autoptr(IncidentRecord) record = make_record();
    g_autofree char *text = print(record);
    g_autoptr(GError) error = NULL;
    g_autoptr(IncidentRecord) again = parse(text, &error);
    g_autofree char *text_again = NULL;
    const IncidentStep *step;

    g_assert_no_error(error);
    text_again = print(again);
    g_assert_cmpstr(text_again, ==, text);
    g_assert_cmpuint(again->number, ==, 42);
    g_assert_cmpstr(again->cause, ==, record->cause);
    g_assert_cmpint(again->outcome, ==, INCIDENT_CLEARED);
    g_assert_cmpuint(again->steps->len, ==, 5);
    step = again->steps->pdata[3];
    g_assert_cmpstr(step->name, ==, "guest=1");
    g_assert_cmpstr(step->detail, ==, " two lines\nand a \\ in them; ü");
    g_assert_true(step->worked);
    g_assert_cmpint(step->index, ==, 0);
    step = again->steps->pdata[1];
    g_assert_cmpuint(step->registration, ==, 0);
    g_assert_null(step->action);
    g_assert_cmpint(step->index, ==, -1);
}

/* Wherever it is cut off it is not taken for a shorter story. */
static void test_truncated(void)
{
    g_autoptr(IncidentRecord) record = make_record();
    g_autofree char *text = print(record);
    gsize length = strlen(text);

    /* Without the newline at its end nothing is missing. */
    for (gsize cut = 0; cut + 1 < length; cut++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(IncidentRecord) part = incident_file_parse(text, cut, 42, &error);

        if (part != NULL) {
            /* Only the end of a text of the last step can go unseen. */
            g_assert_cmpuint(part->steps->len, ==, 5);
            continue;
        }
        g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_CORRUPT);
        g_assert_nonnull(strchr(error->message, '\n'));
    }
}

/* Flipped bits make another story at worst, and never one out of its bounds. */
static void test_flipped(void)
{
    g_autoptr(IncidentRecord) record = make_record();
    g_autofree char *text = print(record);
    gsize length = strlen(text);
    guint refused = 0;

    for (gsize at = 0; at < length * 8; at++) {
        g_autofree char *flipped = g_strndup(text, length);
        g_autoptr(GError) error = NULL;
        g_autoptr(IncidentRecord) other = NULL;

        flipped[at / 8] = (char)(flipped[at / 8] ^ (1 << at % 8));
        other = incident_file_parse(flipped, length, 42, &error);
        g_assert_true((other == NULL) == (error != NULL));
        refused += other == NULL ? 1 : 0;
        if (other != NULL)
            g_assert_cmpuint(other->number, ==, 42);
    }
    g_assert_cmpuint(refused, >, length * 2);
}

typedef struct Change {
    const char *from, *to;
    int code;
} Change;

static void test_foreign(void)
{
    const Change changes[] = {
        { "Format=1", "Format=2", BAILIFF_ERROR_UNSUPPORTED },
        { "Format=1", "Format=x", BAILIFF_ERROR_CORRUPT },
        { "Number=42", "Number=43", BAILIFF_ERROR_CORRUPT },
        { "Outcome=cleared", "Outcome=splendid", BAILIFF_ERROR_CORRUPT },
        { "Outcome=cleared", "Outcome=ongoing", BAILIFF_ERROR_CORRUPT },
        { "Event=lost", "Event=won", BAILIFF_ERROR_CORRUPT },
        { "StepCount=5", "StepCount=4", BAILIFF_ERROR_CORRUPT },
        { "StepCount=5", "StepCount=5000000000", BAILIFF_ERROR_CORRUPT },
        { "Registration=7", "Registration=-7", BAILIFF_ERROR_CORRUPT },
        { "Registration=7", "Registration=0", BAILIFF_ERROR_CORRUPT },
        { "Index=0", "Index=70000", BAILIFF_ERROR_CORRUPT },
        { "Worked=true", "Worked=perhaps", BAILIFF_ERROR_CORRUPT },
        { "[step-4]", "[step-5]", BAILIFF_ERROR_CORRUPT },
        { "Lockspace=space", "Lockspace=space\nFuture=1", BAILIFF_ERROR_CORRUPT },
        { "Lockspace=space",
          "Lockspace=0123456789012345678901234567890123456789012345678901234567890123456789",
          BAILIFF_ERROR_CORRUPT },
        { "[incident]", "[accident]", BAILIFF_ERROR_CORRUPT },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autoptr(IncidentRecord) record = make_record();
        g_autofree char *text = print(record);
        g_autoptr(GString) changed = g_string_new(text);
        g_autoptr(GError) error = NULL;

        g_test_message("%s -> %s", changes[i].from, changes[i].to);
        g_assert_cmpuint(g_string_replace(changed, changes[i].from, changes[i].to, 1), ==, 1);
        g_assert_null(parse(changed->str, &error));
        g_assert_error(error, BAILIFF_ERROR, changes[i].code);
    }
}

static void test_bounds(void)
{
    g_autoptr(IncidentRecord) record = make_record();
    IncidentStep step = { .event = INCIDENT_STEP_STARTED,
                          .time_us = G_MAXINT64,
                          .registration = G_MAXUINT64,
                          .index = 15,
                          .took_us = G_MAXINT64 };
    g_autofree char *longest = g_strnfill(1000, '\\');
    g_autofree char *text = NULL;
    g_autoptr(IncidentRecord) again = NULL;
    g_autoptr(GError) error = NULL;

    step.name = step.kind = step.action = step.detail = longest;
    for (guint i = 0; i < INCIDENT_STEPS_MAX + 10; i++)
        incident_record_add(record, incident_step_new(&step));
    /* The two of the registration that are there already. */
    g_assert_cmpuint(record->dropped, ==, 3 + 12);
    /* How the lockspace fared is told all the same. */
    step = (IncidentStep){ .event = INCIDENT_LOST, .index = -1 };
    g_assert_true(incident_record_add(record, incident_step_new(&step)));
    text = print(record);
    g_assert_cmpuint(strlen(text), <, INCIDENT_FILE_MAX);
    again = parse(text, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(again->steps->len, ==, record->steps->len);
}

static void test_texts(void)
{
    const char *const texts[] = { "", "plain", "\xff\xff\xff", "äöü", "a\xc3", NULL };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        for (gsize size = 1; size < 12; size++) {
            g_autofree char *text = incident_text(texts[i], size);

            g_assert_cmpuint(strlen(text), <, size);
            g_assert_true(g_utf8_validate(text, -1, NULL));
        }
}

static void test_words(void)
{
    for (IncidentOutcome i = 0; i < INCIDENT_OUTCOME_COUNT; i++)
        g_assert_cmpint(incident_outcome_from_name(incident_outcome_name(i)), ==, i);
    for (IncidentEvent i = 0; i < INCIDENT_EVENT_COUNT; i++)
        g_assert_cmpint(incident_event_from_name(incident_event_name(i)), ==, i);
    g_assert_cmpint(incident_outcome_from_name(""), ==, INCIDENT_OUTCOME_COUNT);
    g_assert_cmpint(incident_event_from_name("x"), ==, INCIDENT_EVENT_COUNT);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/incident-file/round-trip", test_round_trip);
    g_test_add_func("/incident-file/truncated", test_truncated);
    g_test_add_func("/incident-file/flipped", test_flipped);
    g_test_add_func("/incident-file/foreign", test_foreign);
    g_test_add_func("/incident-file/bounds", test_bounds);
    g_test_add_func("/incident-file/texts", test_texts);
    g_test_add_func("/incident-file/words", test_words);
    return g_test_run();
}
