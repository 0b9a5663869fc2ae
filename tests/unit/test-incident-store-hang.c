/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A state directory that hangs. The functions that touch the disk are doubles here, which do what
 * the test wishes, when it wishes: the main loop goes on, it is said once, nothing is piled up, and
 * the end of the daemon does not wait for long.
 */
#include <glib.h>
#include <string.h>

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "engine/incident-directory.h"
#include "engine/incident-log.h"
#include "support/wait-for.h"

/* --- the disk -------------------------------------------------------------------------------- */

static GMutex disk_mutex;
static GCond disk_cond;
static gboolean hangs;
static gboolean fails;
static guint n_begun;       /* requests that have reached the disk */
static guint n_writes;      /* those that were written */
static guint written_steps; /* in the last one */

static void use_disk(void)
{
    n_begun++;
    while (hangs)
        g_cond_wait(&disk_cond, &disk_mutex);
}

GPtrArray *incident_directory_load(const char *directory, guint max, guint64 *ret_highest,
                                   GError **error)
{
    g_mutex_lock(&disk_mutex);
    use_disk();
    g_mutex_unlock(&disk_mutex);
    *ret_highest = 0;
    return g_ptr_array_new_with_free_func((GDestroyNotify)incident_record_free);
}

gboolean incident_directory_write(const char *directory, const IncidentRecord *record,
                                  gboolean durable, GError **error)
{
    gboolean worked;

    g_mutex_lock(&disk_mutex);
    use_disk();
    worked = !fails;
    n_writes += worked ? 1 : 0;
    written_steps = record->steps->len;
    g_mutex_unlock(&disk_mutex);
    if (!worked)
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "Mend it.", "The disk is broken.");
    return worked;
}

GPtrArray *incident_directory_load_all(const char *directory, GArray **ret_unread)
{
    *ret_unread = g_array_new(FALSE, FALSE, sizeof(guint64));
    return g_ptr_array_new_with_free_func((GDestroyNotify)incident_record_free);
}

gboolean incident_directory_remove(const char *directory, guint64 number, GError **error)
{
    g_mutex_lock(&disk_mutex);
    use_disk();
    g_mutex_unlock(&disk_mutex);
    return TRUE;
}

static void set_disk(gboolean hang, gboolean fail)
{
    g_mutex_lock(&disk_mutex);
    hangs = hang;
    fails = fail;
    g_cond_broadcast(&disk_cond);
    g_mutex_unlock(&disk_mutex);
}

static guint get(const guint *number)
{
    guint value;

    g_mutex_lock(&disk_mutex);
    value = *number;
    g_mutex_unlock(&disk_mutex);
    return value;
}

/* --- waiting --------------------------------------------------------------------------------- */

static guint n_warnings;

static GLogWriterOutput count_warnings(GLogLevelFlags level, const GLogField *fields,
                                       gsize n_fields, gpointer data)
{
    for (gsize i = 0; i < n_fields; i++)
        if (g_str_equal(fields[i].key, "MESSAGE_ID") &&
            g_str_equal(fields[i].value, message_kind(MESSAGE_INCIDENTS_NOT_WRITTEN)->id))
            n_warnings++;
    return (level & G_LOG_LEVEL_ERROR) != 0
               ? g_log_writer_standard_streams(level, fields, n_fields, NULL)
               : G_LOG_WRITER_HANDLED;
}

static void add_step(BailiffIncident *incident)
{
    const IncidentStep step = {
        .event = INCIDENT_STEP_STARTED, .registration = 1, .index = 0, .action = (char *)"kill"
    };

    bailiff_incident_add_step(incident, incident_step_new(&step));
}

/* --- tests ----------------------------------------------------------------------------------- */

static void test_hangs(void)
{
    g_autoptr(BailiffIncidentLog) log = NULL;
    BailiffIncident *incident;

    n_warnings = n_begun = n_writes = 0;
    set_disk(FALSE, FALSE);
    log = bailiff_incident_log_new("/nowhere");
    WAIT_FOR(get(&n_begun) == 1);
    set_disk(TRUE, FALSE);
    incident = bailiff_incident_log_begin(log, "space", "Cause.\nCure.", 1, 2);
    WAIT_FOR(get(&n_begun) == 2);
    /* While the first write hangs there is no second, whatever happens. */
    for (guint i = 0; i < 1000; i++)
        add_step(incident);
    WAIT_FOR(n_warnings == 1);
    g_assert_cmpuint(get(&n_begun), ==, 2);
    g_assert_cmpuint(get(&n_writes), ==, 0);
    for (guint i = 0; i < 10; i++)
        add_step(incident);
    /* Then there is one, of all that came meanwhile. */
    set_disk(FALSE, FALSE);
    WAIT_FOR(get(&written_steps) == 1010);
    g_assert_cmpuint(get(&n_writes), ==, 2);
    g_assert_cmpuint(n_warnings, ==, 1);
}

static void test_end_while_it_hangs(void)
{
    BailiffIncidentLog *log;
    gint64 began_us;

    n_warnings = n_begun = n_writes = 0;
    set_disk(TRUE, FALSE);
    log = bailiff_incident_log_new("/nowhere");
    WAIT_FOR(get(&n_begun) == 1);
    bailiff_incident_log_begin(log, "space", "Cause.\nCure.", 1, 2);
    began_us = g_get_monotonic_time();
    g_object_unref(log);
    g_assert_cmpint(g_get_monotonic_time() - began_us, <, PATIENCE_SECONDS * G_USEC_PER_SEC);
    /* The thread has what it needs for its end, and nobody hears of it. */
    set_disk(FALSE, FALSE);
    WAIT_FOR(get(&n_writes) == 1);
}

static void test_fails(void)
{
    g_autoptr(BailiffIncidentLog) log = NULL;
    BailiffIncident *incident;

    n_warnings = n_begun = n_writes = 0;
    set_disk(FALSE, TRUE);
    log = bailiff_incident_log_new("/nowhere");
    incident = bailiff_incident_log_begin(log, "space", "Cause.\nCure.", 1, 2);
    WAIT_FOR(n_warnings == 1);
    /* It is not tried with every step. */
    for (guint i = 0; i < 10; i++) {
        add_step(incident);
        g_main_context_iteration(NULL, FALSE);
    }
    g_assert_cmpuint(get(&n_begun), ==, 2);
    g_assert_cmpuint(n_warnings, ==, 1);
    set_disk(FALSE, FALSE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_log_set_writer_func(count_warnings, NULL, NULL);
    g_test_add_func("/incident-store-hang/hangs", test_hangs);
    g_test_add_func("/incident-store-hang/end-while-it-hangs", test_end_while_it_hangs);
    g_test_add_func("/incident-store-hang/fails", test_fails);
    return g_test_run();
}
