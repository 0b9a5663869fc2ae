/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The writer of the log: which lines are written, that whoever logs never waits, and what happens
 * to lines that the journal does not take.
 */
#include <glib.h>
#include <string.h>

#include "common/log-message.h"
#include "common/log-writer.h"

#define LONG_US (60u * G_USEC_PER_SEC)

typedef struct Fixture {
    LogWriter *writer;
    GMutex mutex; /* of what follows */
    GCond cond;
    GPtrArray *lines; /* "PRIORITY MESSAGE" */
    LogTarget last_target;
    GLogLevelFlags last_level;
    char *last_identifier;
    gboolean hangs, is_hanging;
} Fixture;

static const char *value_of(const GLogField *fields, gsize n, const char *key)
{
    for (gsize i = 0; i < n; i++)
        if (g_str_equal(fields[i].key, key))
            return fields[i].value;
    return NULL;
}

static void sink(LogTarget target, GLogLevelFlags level, const GLogField *fields, gsize n,
                 gpointer user_data)
{
    Fixture *self = user_data;

    g_mutex_lock(&self->mutex);
    while (self->hangs) {
        self->is_hanging = TRUE;
        g_cond_broadcast(&self->cond);
        g_cond_wait(&self->cond, &self->mutex);
    }
    self->is_hanging = FALSE;
    self->last_target = target;
    self->last_level = level;
    g_free(self->last_identifier);
    self->last_identifier = g_strdup(value_of(fields, n, "SYSLOG_IDENTIFIER"));
    g_ptr_array_add(self->lines, g_strconcat(value_of(fields, n, "PRIORITY"), " ",
                                             value_of(fields, n, "MESSAGE"), NULL));
    g_mutex_unlock(&self->mutex);
}

/* Those of the library itself go to GLib's one writer, whichever fixture it is of. */
static Fixture *current;

static GLogWriterOutput to_current(GLogLevelFlags level, const GLogField *fields, gsize n,
                                   gpointer unused)
{
    return log_writer_write(level, fields, n, current->writer);
}

static void set_up(Fixture *self, gconstpointer unused)
{
    g_mutex_init(&self->mutex);
    g_cond_init(&self->cond);
    self->lines = g_ptr_array_new_with_free_func(g_free);
    self->writer = log_writer_new("the-name", LOG_NOTICE, sink, self);
    current = self;
}

static void tear_down(Fixture *self, gconstpointer unused)
{
    log_writer_free(self->writer);
    g_ptr_array_unref(self->lines);
    g_free(self->last_identifier);
    g_cond_clear(&self->cond);
    g_mutex_clear(&self->mutex);
}

static void set_hangs(Fixture *self, gboolean hangs)
{
    g_mutex_lock(&self->mutex);
    self->hangs = hangs;
    g_cond_broadcast(&self->cond);
    g_mutex_unlock(&self->mutex);
}

static void wait_until_it_hangs(Fixture *self)
{
    g_mutex_lock(&self->mutex);
    while (!self->is_hanging)
        g_cond_wait(&self->cond, &self->mutex);
    g_mutex_unlock(&self->mutex);
}

static guint count(Fixture *self, const char *part)
{
    guint n = 0;

    for (guint i = 0; i < self->lines->len; i++)
        n += strstr(self->lines->pdata[i], part) != NULL ? 1 : 0;
    return n;
}

static void flush(Fixture *self)
{
    g_assert_true(log_writer_flush(self->writer, LONG_US));
}

static void assert_line(Fixture *self, guint i, const char *line)
{
    g_assert_cmpuint(i, <, self->lines->len);
    g_assert_cmpstr(self->lines->pdata[i], ==, line);
}

static void test_level(Fixture *self, gconstpointer unused)
{
    log_line(LOG_INFO, NULL, "not this one");
    log_line(LOG_NOTICE, NULL, "this one");
    log_writer_set_level(self->writer, LOG_DEBUG);
    log_line(LOG_DEBUG, NULL, "and this");
    log_writer_set_level(self->writer, LOG_ERR);
    log_line(LOG_WARNING, NULL, "nor this");
    log_message(MESSAGE_LOCKSPACE_LOST, NULL, "lost");
    g_assert_cmpint(log_writer_get_level(self->writer), ==, LOG_ERR);
    flush(self);
    assert_line(self, 0, "5 this one");
    assert_line(self, 1, "7 and this");
    assert_line(self, 2, "3 lost");
    g_assert_cmpuint(self->lines->len, ==, 3);
}

static void test_target_and_identifier(Fixture *self, gconstpointer unused)
{
    g_assert_cmpint(log_writer_get_target(self->writer), ==,
                    log_writer_get_usual_target(self->writer));
    log_writer_set_target(self->writer, LOG_TARGET_JOURNAL);
    log_line(LOG_ERR, NULL, "bad");
    flush(self);
    g_assert_cmpint(self->last_target, ==, LOG_TARGET_JOURNAL);
    g_assert_cmpstr(self->last_identifier, ==, "the-name");
    g_assert_cmpint(self->last_level, ==, G_LOG_LEVEL_WARNING);
    log_writer_set_target(self->writer, LOG_TARGET_CONSOLE);
    log_line(LOG_NOTICE, NULL, "good");
    flush(self);
    g_assert_cmpint(self->last_target, ==, LOG_TARGET_CONSOLE);
    g_assert_cmpint(self->last_level, ==, G_LOG_LEVEL_MESSAGE);
}

/* Fields of others need not end with a NUL byte, nor name a priority. */
static void test_lines_of_others(Fixture *self, gconstpointer unused)
{
    const GLogField fields[] = { { "MESSAGE", "some bytes more", 10 },
                                 { "PRIORITY", "44", 1 },
                                 { "GLIB_DOMAIN", "Other", -1 } };
    const GLogField odd[] = { { "MESSAGE", "odd", -1 }, { "PRIORITY", "high", -1 } };

    log_writer_write(G_LOG_LEVEL_WARNING, fields, 3, self->writer);
    log_writer_write(G_LOG_LEVEL_WARNING, odd, 2, self->writer);
    log_writer_write(G_LOG_LEVEL_DEBUG, fields + 2, 1, self->writer);
    flush(self);
    assert_line(self, 0, "4 some bytes");
    assert_line(self, 1, "high odd");
    g_assert_cmpuint(self->lines->len, ==, 2);
}

static void test_what_repeats(Fixture *self, gconstpointer unused)
{
    for (guint i = 0; i < LOG_BURST + 5; i++) {
        log_message(MESSAGE_LOCKSPACE_LATE, LOG_SUBJECT(.lockspace = "a"), "late %u", i);
        log_message(MESSAGE_LOCKSPACE_LATE, LOG_SUBJECT(.lockspace = "b"), "other %u", i);
        log_line(LOG_WARNING, LOG_SUBJECT(.lockspace = "a"), "without an id");
        log_line(LOG_WARNING, LOG_SUBJECT(.lockspace = "a"), "each another text, %u", i);
    }
    /* Told at the end, although the window is not over. */
    flush(self);
    g_assert_cmpuint(count(self, " late "), ==, LOG_BURST + 1);
    g_assert_cmpuint(count(self, " other "), ==, LOG_BURST + 1);
    g_assert_cmpuint(count(self, " without an id"), ==, LOG_BURST + 1);
    g_assert_cmpuint(count(self, "each another"), ==, LOG_BURST + 5);
    g_assert_cmpuint(count(self,
                           "4 5 more lines like this were held back in 60 seconds, this is the "
                           "last one: late 14"),
                     ==, 1);
}

static void test_what_is_unlimited(Fixture *self, gconstpointer unused)
{
    log_writer_set_level(self->writer, LOG_DEBUG);
    for (guint i = 0; i < 3 * LOG_BURST; i++) {
        log_message(MESSAGE_STEP_STARTED, LOG_SUBJECT(.registration = 1), "step");
        log_line(LOG_DEBUG, NULL, "detail");
    }
    flush(self);
    g_assert_cmpuint(count(self, "step"), ==, 3 * LOG_BURST);
    g_assert_cmpuint(count(self, "detail"), ==, 3 * LOG_BURST);
}

/* A journal that takes nothing holds up nobody, and costs lines of no importance first. */
static void test_hangs(Fixture *self, gconstpointer unused)
{
    guint n = LOG_QUEUE_LINES + 100;

    set_hangs(self, TRUE);
    log_line(LOG_NOTICE, NULL, "first");
    wait_until_it_hangs(self);
    for (guint i = 0; i < n; i++)
        log_line(LOG_NOTICE, NULL, "line %u", i);
    for (guint i = 0; i < 100; i++)
        log_message(MESSAGE_REGISTRATION_FAILING, NULL, "failing %u", i);
    g_assert_false(log_writer_flush(self->writer, 1));
    set_hangs(self, FALSE);
    flush(self);
    g_assert_cmpuint(count(self, "failing"), ==, 100);
    g_assert_cmpuint(count(self, " line "), ==, LOG_QUEUE_LINES);
    g_assert_cmpuint(count(self, "100 lines of the log are lost"), ==, 1);
}

static void test_unlimited_ones_have_a_bound(Fixture *self, gconstpointer unused)
{
    guint n = LOG_QUEUE_ALL_LINES + 1;

    set_hangs(self, TRUE);
    log_line(LOG_NOTICE, NULL, "first");
    wait_until_it_hangs(self);
    for (guint i = 0; i < n; i++)
        log_message(MESSAGE_STEP_STARTED, NULL, "step %u", i);
    set_hangs(self, FALSE);
    flush(self);
    g_assert_cmpuint(count(self, " step "), ==, LOG_QUEUE_ALL_LINES);
    g_assert_cmpuint(count(self, " 1 lines of the log are lost"), ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_log_set_writer_func(to_current, NULL, NULL);
#define ADD(path, function)                                                                        \
    g_test_add("/log-writer/" path, Fixture, NULL, set_up, function, tear_down)
    ADD("level", test_level);
    ADD("target-and-identifier", test_target_and_identifier);
    ADD("lines-of-others", test_lines_of_others);
    ADD("what-repeats", test_what_repeats);
    ADD("what-is-unlimited", test_what_is_unlimited);
    ADD("hangs", test_hangs);
    ADD("unlimited-ones-have-a-bound", test_unlimited_ones_have_a_bound);
    return g_test_run();
}
