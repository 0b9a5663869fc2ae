/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Incidents on disk, by way of the log that owns the store: kept, bounded, numbered, and never in
 * the way.
 */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log-message.h"
#include "engine/incident-directory.h"
#include "engine/incident-file.h"
#include "engine/incident-log.h"
#include "support/wait-for.h"

typedef struct Fixture {
    char *state;     /* the state directory */
    char *incidents; /* below it */
    BailiffIncidentLog *log;
} Fixture;

static guint n_warnings; /* that incidents are kept in memory */

/* A warning is what these tests are about, and no failure of theirs. */
static GLogWriterOutput count_warnings(GLogLevelFlags level, const GLogField *fields,
                                       gsize n_fields, gpointer data)
{
    for (gsize i = 0; i < n_fields; i++)
        if (g_str_equal(fields[i].key, "MESSAGE_ID") &&
            g_str_equal(fields[i].value, message_kind(MESSAGE_INCIDENTS_NOT_WRITTEN)->id))
            n_warnings++;
    return G_LOG_WRITER_HANDLED;
}

static void set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    fixture->state = g_dir_make_tmp("incidents-XXXXXX", &error);
    g_assert_no_error(error);
    fixture->incidents = g_build_filename(fixture->state, "incidents", NULL);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    g_clear_object(&fixture->log);
    {
        g_autoptr(GDir) dir = g_dir_open(fixture->incidents, 0, NULL);
        const char *entry;

        while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
            g_autofree char *path = g_build_filename(fixture->incidents, entry, NULL);
            g_remove(path);
        }
    }
    g_rmdir(fixture->incidents);
    g_rmdir(fixture->state);
    g_free(fixture->incidents);
    g_free(fixture->state);
}

static char *path_of(Fixture *fixture, guint64 number)
{
    return g_strdup_printf("%s/%" G_GUINT64_FORMAT, fixture->incidents, number);
}

static gboolean exists(Fixture *fixture, guint64 number)
{
    g_autofree char *path = path_of(fixture, number);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static gboolean has_text(Fixture *fixture, guint64 number, const char *text)
{
    g_autofree char *path = path_of(fixture, number);
    g_autofree char *content = NULL;

    return g_file_get_contents(path, &content, NULL, NULL) && strstr(content, text) != NULL;
}

static BailiffIncident *begin(Fixture *fixture)
{
    return bailiff_incident_log_begin(fixture->log, "space", "Cause.\nCure.", 1, 2);
}

static void add_step(BailiffIncident *incident)
{
    const IncidentStep step = { .time_us = 77, .event = INCIDENT_RENEWAL_LATE, .index = -1 };

    bailiff_incident_add_step(incident, incident_step_new(&step));
}

static guint n_incidents(Fixture *fixture)
{
    g_autoptr(GPtrArray) list = bailiff_incident_log_list(fixture->log);

    return list->len;
}

/* Writes an ended incident, as an earlier daemon would have. */
static void put_file(Fixture *fixture, guint64 number)
{
    g_autoptr(IncidentRecord) record = incident_record_new();
    g_autoptr(GError) error = NULL;

    record->number = number;
    record->lockspace = g_strdup("space");
    record->cause = g_strdup("");
    record->boot_id = g_strdup("boot");
    record->ended_us = 1;
    record->outcome = INCIDENT_CLEARED;
    incident_directory_write(fixture->incidents, record, FALSE, &error);
    g_assert_no_error(error);
}

static void open_log(Fixture *fixture)
{
    g_clear_object(&fixture->log); /* writes the rest */
    fixture->log = bailiff_incident_log_new(fixture->state);
}

static void test_kept(Fixture *fixture, gconstpointer data)
{
    BailiffIncident *incident;
    g_autoptr(GPtrArray) list = NULL;
    struct stat facts;

    put_file(fixture, 4);
    open_log(fixture);
    WAIT_FOR(n_incidents(fixture) == 1);
    incident = begin(fixture);
    g_assert_cmpuint(bailiff_incident_get_number(incident), ==, 5);
    add_step(incident);
    WAIT_FOR(has_text(fixture, 5, "Outcome=ongoing"));
    g_assert_cmpint(stat(fixture->incidents, &facts), ==, 0);
    g_assert_cmpint(facts.st_mode & 0777, ==, 0700);
    /* The end of the last one is written although the daemon ends. */
    bailiff_incident_end(incident, INCIDENT_CLEARED, 123);
    open_log(fixture);
    g_assert_true(has_text(fixture, 5, "Outcome=cleared"));
    WAIT_FOR(n_incidents(fixture) == 2);
    list = bailiff_incident_log_list(fixture->log);
    g_assert_cmpuint(bailiff_incident_get_record(list->pdata[1])->ended_us, ==, 123);
    g_assert_cmpuint(bailiff_incident_get_record(list->pdata[1])->steps->len, ==, 1);
}

static void test_interrupted(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GPtrArray) list = NULL;
    BailiffIncident *incident;

    put_file(fixture, 1);
    open_log(fixture);
    WAIT_FOR(n_incidents(fixture) == 1);
    add_step(begin(fixture));
    open_log(fixture);
    WAIT_FOR(n_incidents(fixture) == 2);
    list = bailiff_incident_log_list(fixture->log);
    incident = list->pdata[1];
    g_assert_cmpint(bailiff_incident_get_record(incident)->outcome, ==, INCIDENT_INTERRUPTED);
    g_assert_false(bailiff_incident_is_ongoing(incident));
    WAIT_FOR(has_text(fixture, 2, "Outcome=interrupted"));
}

/* The oldest goes, but none that is going on. */
static void test_bounded(Fixture *fixture, gconstpointer data)
{
    for (guint64 number = 1; number <= INCIDENTS_MAX + 5; number++)
        put_file(fixture, number);
    open_log(fixture);
    WAIT_FOR(n_incidents(fixture) == INCIDENTS_MAX);
    g_assert_false(exists(fixture, 5));
    g_assert_true(exists(fixture, 6));
    begin(fixture);
    g_assert_cmpuint(n_incidents(fixture), ==, INCIDENTS_MAX);
    WAIT_FOR(!exists(fixture, 6));
    for (guint i = 0; i < INCIDENTS_MAX; i++)
        begin(fixture);
    g_assert_cmpuint(n_incidents(fixture), ==, INCIDENTS_MAX + 1);
}

/* However many steps come together, they are a few writes. */
static void test_coalesced(Fixture *fixture, gconstpointer data)
{
    BailiffIncident *incident;
    g_autofree char *path = path_of(fixture, 2);
    struct stat first, last;

    put_file(fixture, 1);
    open_log(fixture);
    WAIT_FOR(n_incidents(fixture) == 1);
    incident = begin(fixture);
    WAIT_FOR(exists(fixture, 2));
    g_assert_cmpint(stat(path, &first), ==, 0);
    for (guint i = 0; i < 1000; i++)
        add_step(incident);
    /* All that fit of the lockspace's own. */
    WAIT_FOR(has_text(fixture, 2, "[step-63]"));
    g_assert_true(has_text(fixture, 2, "StepsDropped=936"));
    g_assert_cmpint(stat(path, &last), ==, 0);
    g_assert_cmpuint(last.st_ino, !=, first.st_ino); /* replaced, not written over */
}

/* As long as nobody knows which numbers were given, those that are given are higher. */
static void test_numbers_before_it_is_read(Fixture *fixture, gconstpointer data)
{
    guint64 number;

    put_file(fixture, 8);
    open_log(fixture);
    number = bailiff_incident_get_number(begin(fixture));
    g_assert_cmpuint(number, >, 1000000000);
    WAIT_FOR(n_incidents(fixture) == 2);
    g_assert_cmpuint(bailiff_incident_get_number(begin(fixture)), ==, number + 1);
}

static void test_unusable(Fixture *fixture, gconstpointer data)
{
    BailiffIncident *incident;

    g_assert_cmpint(g_mkdir(fixture->incidents, 0700), ==, 0);
    g_assert_cmpint(chmod(fixture->incidents, 0777), ==, 0);
    n_warnings = 0;
    open_log(fixture);
    incident = begin(fixture);
    bailiff_incident_end(incident, INCIDENT_CLEARED, 1);
    g_assert_cmpuint(n_incidents(fixture), ==, 1);
    WAIT_FOR(n_warnings > 0);
    /* Other attempts follow, and nothing more is said of them. */
    for (guint i = 0; i < 3; i++) {
        add_step(incident);
        open_log(fixture);
        incident = begin(fixture);
        WAIT_FOR(n_warnings > i + 1);
    }
    g_assert_cmpuint(n_warnings, ==, 4);
    g_assert_false(exists(fixture, bailiff_incident_get_number(incident)));
}

static void test_in_memory(Fixture *fixture, gconstpointer data)
{
    fixture->log = bailiff_incident_log_new(NULL);
    g_assert_cmpuint(bailiff_incident_get_number(begin(fixture)), ==, 1);
    g_assert_cmpuint(bailiff_incident_get_number(begin(fixture)), ==, 2);
    g_assert_cmpuint(n_incidents(fixture), ==, 2);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_log_set_writer_func(count_warnings, NULL, NULL);
#define ADD(path, function)                                                                        \
    g_test_add("/incident-store/" path, Fixture, NULL, set_up, function, tear_down)
    ADD("kept", test_kept);
    ADD("interrupted", test_interrupted);
    ADD("bounded", test_bounded);
    ADD("coalesced", test_coalesced);
    ADD("numbers-before-it-is-read", test_numbers_before_it_is_read);
    ADD("unusable", test_unusable);
    ADD("in-memory", test_in_memory);
    return g_test_run();
}
