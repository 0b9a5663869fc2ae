/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The queue of the log, and the thread that writes it.
 */
#include "common/log-writer.h"

#include <stdio.h>
#include <string.h>

#include "base/checked-time.h"
#include "common/log-limit.h"
#include "common/log-message.h"

/* For a line after which the process ends. */
#define FATAL_FLUSH_US (USEC_PER_SECOND / 2)

typedef struct LogLine {
    GLogLevelFlags level;
    int priority;
    LogTarget target; /* when it was said */
    gsize n_fields;
    GLogField fields[]; /* keys and values are its own; values end with a NUL byte */
} LogLine;

struct LogWriter {
    char *identifier;
    LogSink sink;
    gpointer user_data;
    LogTarget usual_target;
    gint level, target; /* atomic */
    GThread *thread;    /* NULL: there is none to be had, and whoever logs writes */

    GMutex mutex; /* of what follows */
    GCond wake, idle;
    GQueue lines; /* of LogLine */
    LogLimit *limit;
    GHashTable *held_back; /* key -> the last LogLine of it that was held back */
    guint64 lost;
    gboolean flushing, stopping;
};

static void write_to_target(LogTarget target, GLogLevelFlags level, const GLogField *fields,
                            gsize n_fields, gpointer user_data)
{
    if (target == LOG_TARGET_JOURNAL &&
        g_log_writer_journald(level, fields, n_fields, NULL) == G_LOG_WRITER_HANDLED)
        return;
    (void)g_log_writer_standard_streams(level, fields, n_fields, NULL);
}

/* --- lines ----------------------------------------------------------------------------------- */

static void line_free(gpointer data)
{
    LogLine *line = data;

    for (gsize i = 0; i < line->n_fields; i++) {
        g_free((char *)line->fields[i].key);
        g_free((char *)line->fields[i].value);
    }
    g_free(line);
}

static const char *line_get(const LogLine *line, const char *key)
{
    for (gsize i = 0; i < line->n_fields; i++)
        if (g_str_equal(line->fields[i].key, key))
            return line->fields[i].value;
    return NULL;
}

/* Takes over `value`. */
static void line_set(LogLine *line, const char *key, char *value)
{
    for (gsize i = 0; i < line->n_fields; i++) {
        if (!g_str_equal(line->fields[i].key, key))
            continue;
        g_free((char *)line->fields[i].value);
        line->fields[i].value = value;
        line->fields[i].length = -1;
        return;
    }
    g_free(value);
}

static char *copy_value(const GLogField *field)
{
    gsize length = field->length < 0 ? strlen(field->value) : (gsize)field->length;
    char *copy = g_malloc(length + 1);

    if (length > 0)
        memcpy(copy, field->value, length);
    copy[length] = '\0';
    return copy;
}

static int priority_of_level(GLogLevelFlags level)
{
    if ((level & G_LOG_LEVEL_ERROR) != 0)
        return LOG_ERR;
    if ((level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)) != 0)
        return LOG_WARNING;
    return (level & G_LOG_LEVEL_MESSAGE) != 0 ? LOG_NOTICE
           : (level & G_LOG_LEVEL_INFO) != 0  ? LOG_INFO
                                              : LOG_DEBUG;
}

static int priority_of(GLogLevelFlags level, const GLogField *fields, gsize n_fields)
{
    for (gsize i = 0; i < n_fields; i++) {
        const char *text = fields[i].value;

        if (g_str_equal(fields[i].key, "PRIORITY") &&
            (fields[i].length < 0 ? strlen(text) : (gsize)fields[i].length) == 1 &&
            text[0] >= '0' && text[0] <= '7')
            return text[0] - '0';
    }
    return priority_of_level(level);
}

/* What the console shows: GLib's own word for how bad it is. */
static GLogLevelFlags level_of_priority(int priority)
{
    return priority <= LOG_WARNING  ? G_LOG_LEVEL_WARNING
           : priority == LOG_NOTICE ? G_LOG_LEVEL_MESSAGE
           : priority == LOG_INFO   ? G_LOG_LEVEL_INFO
                                    : G_LOG_LEVEL_DEBUG;
}

static LogLine *line_new(LogWriter *self, int priority, GLogLevelFlags level,
                         const GLogField *fields, gsize n_fields)
{
    LogLine *line = g_malloc0(sizeof(*line) + (n_fields + 1) * sizeof(GLogField));

    line->priority = priority;
    line->target = log_writer_get_target(self);
    line->level = (level & G_LOG_LEVEL_ERROR) != 0 ? level : level_of_priority(priority);
    for (gsize i = 0; i < n_fields; i++)
        line->fields[i] =
            (GLogField){ g_strdup(fields[i].key), copy_value(&fields[i]), fields[i].length };
    line->fields[n_fields] =
        (GLogField){ g_strdup("SYSLOG_IDENTIFIER"), g_strdup(self->identifier), -1 };
    line->n_fields = n_fields + 1;
    return line;
}

static gboolean is_unlimited(const LogLine *line)
{
    const char *id = line_get(line, "MESSAGE_ID");
    const MessageKind *kind = id != NULL ? message_kind_of_id(id) : NULL;

    return kind != NULL && kind->is_unlimited;
}

/* The same message about the same thing. */
static char *key_of(const LogLine *line)
{
    static const char *const parts[] = { "LOCKSPACE", "HOST_ID", "RESOURCE", "REGISTRATION",
                                         "STEP" };
    const char *id = line_get(line, "MESSAGE_ID");
    GString *key = g_string_new(id != NULL ? id : line_get(line, "MESSAGE"));

    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        const char *part = line_get(line, parts[i]);

        g_string_append_printf(key, "\n%s", part != NULL ? part : "");
    }
    return g_string_free(key, FALSE);
}

/* --- writing --------------------------------------------------------------------------------- */

static guint64 now(void)
{
    return (guint64)g_get_monotonic_time();
}

static void sink_line(LogWriter *self, const LogLine *line)
{
    self->sink(line->target, line->level, line->fields, line->n_fields, self->user_data);
}

/* Called with the mutex. */
static void tell_held_back(const char *key, guint64 n, gpointer user_data)
{
    LogWriter *self = user_data;
    gpointer stored_key, stored;

    if (!g_hash_table_steal_extended(self->held_back, key, &stored_key, &stored))
        return;
    LogLine *line = stored;

    g_free(stored_key);
    line_set(line, "MESSAGE",
             g_strdup_printf("%" G_GUINT64_FORMAT
                             " more lines like this were held back in %u seconds, this is the last "
                             "one: %s",
                             n, LOG_WINDOW_SECONDS, line_get(line, "MESSAGE")));
    g_queue_push_tail(&self->lines, line);
}

static gboolean wait_for_work(LogWriter *self)
{
    while (g_queue_is_empty(&self->lines) && !self->stopping) {
        guint64 due_us = self->flushing ? 0 : log_limit_next_due(self->limit);

        if (due_us <= now()) {
            log_limit_collect(self->limit, self->flushing ? TIME_NEVER : now(), tell_held_back,
                              self);
            if (self->flushing && g_queue_is_empty(&self->lines)) {
                self->flushing = FALSE;
                g_cond_broadcast(&self->idle);
            }
        } else if (due_us == TIME_NEVER) {
            g_cond_wait(&self->wake, &self->mutex);
        } else {
            (void)g_cond_wait_until(&self->wake, &self->mutex, (gint64)due_us);
        }
    }
    return !g_queue_is_empty(&self->lines);
}

static gpointer write_lines(gpointer data)
{
    LogWriter *self = data;

    g_mutex_lock(&self->mutex);
    while (wait_for_work(self)) {
        LogLine *line = g_queue_pop_head(&self->lines);
        guint64 lost = self->lost;

        self->lost = 0;
        g_mutex_unlock(&self->mutex);
        sink_line(self, line);
        line_free(line);
        if (lost > 0)
            log_message(MESSAGE_LINES_LOST, NULL,
                        "%" G_GUINT64_FORMAT
                        " lines of the log are lost: more were written than it takes.",
                        lost);
        g_mutex_lock(&self->mutex);
    }
    g_mutex_unlock(&self->mutex);
    return NULL;
}

/* Takes over `line`; called with the mutex. */
static void put(LogWriter *self, LogLine *line)
{
    gboolean unlimited = is_unlimited(line);

    if (!unlimited && line->priority < LOG_DEBUG) {
        g_autofree char *key = key_of(line);

        if (!log_limit_pass(self->limit, key, now())) {
            g_hash_table_replace(self->held_back, g_steal_pointer(&key), line);
            g_cond_signal(&self->wake); /* the first one: there is a time to wait for now */
            return;
        }
    }
    if (g_queue_get_length(&self->lines) >= (unlimited ? LOG_QUEUE_ALL_LINES : LOG_QUEUE_LINES)) {
        self->lost++;
        line_free(line);
        return;
    }
    g_queue_push_tail(&self->lines, line);
    g_cond_signal(&self->wake);
}

/* What other parts of the process say for debugging is asked for by GLib's variable. */
static gboolean is_wanted(LogWriter *self, int priority, GLogLevelFlags level,
                          const GLogField *fields, gsize n_fields)
{
    const char *domain = NULL;

    if (priority <= log_writer_get_level(self))
        return TRUE;
    for (gsize i = 0; i < n_fields; i++)
        if (g_str_equal(fields[i].key, "GLIB_DOMAIN"))
            domain = fields[i].value;
    return (level & (G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG)) != 0 &&
           !g_log_writer_default_would_drop(level, domain);
}

GLogWriterOutput log_writer_write(GLogLevelFlags level, const GLogField *fields, gsize n_fields,
                                  gpointer log_writer)
{
    LogWriter *self = log_writer;
    int priority = priority_of(level, fields, n_fields);
    gboolean is_last = (level & (G_LOG_LEVEL_ERROR | G_LOG_FLAG_FATAL)) != 0;

    if (!is_last && !is_wanted(self, priority, level, fields, n_fields))
        return G_LOG_WRITER_HANDLED;

    LogLine *line = line_new(self, priority, level, fields, n_fields);
    /* What the thread itself has to say is said at once: its queue may be full. */
    if (is_last || self->thread == NULL || self->thread == g_thread_self()) {
        if (is_last)
            (void)log_writer_flush(self, FATAL_FLUSH_US);
        sink_line(self, line);
        line_free(line);
        return G_LOG_WRITER_HANDLED;
    }
    g_mutex_lock(&self->mutex);
    put(self, line);
    g_mutex_unlock(&self->mutex);
    return G_LOG_WRITER_HANDLED;
}

gboolean log_writer_flush(LogWriter *self, guint64 limit_us)
{
    gint64 until = (gint64)time_add(now(), limit_us);
    gboolean in_time = TRUE;

    /* A line that the thread itself ends the process with waits for nobody. */
    if (self->thread == NULL || self->thread == g_thread_self())
        return self->thread == NULL;
    g_mutex_lock(&self->mutex);
    self->flushing = TRUE;
    g_cond_signal(&self->wake);
    while (in_time && self->flushing)
        in_time = g_cond_wait_until(&self->idle, &self->mutex, until);
    g_mutex_unlock(&self->mutex);
    return in_time;
}

/* --- its life -------------------------------------------------------------------------------- */

LogWriter *log_writer_new(const char *identifier, int level, LogSink sink, gpointer user_data)
{
    LogWriter *self = g_new0(LogWriter, 1);

    self->identifier = g_strdup(identifier);
    self->level = level;
    if (sink == NULL)
        g_log_writer_default_set_use_stderr(TRUE); /* before there is a thread */
    self->sink = sink != NULL ? sink : write_to_target;
    self->user_data = user_data;
    self->usual_target =
        g_log_writer_is_journald(fileno(stderr)) ? LOG_TARGET_JOURNAL : LOG_TARGET_CONSOLE;
    self->target = (gint)self->usual_target;
    g_mutex_init(&self->mutex);
    g_cond_init(&self->wake);
    g_cond_init(&self->idle);
    g_queue_init(&self->lines);
    self->limit = log_limit_new(LOG_BURST, time_from_seconds(LOG_WINDOW_SECONDS));
    self->held_back = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, line_free);
    self->thread = g_thread_try_new("bailiff-log", write_lines, self, NULL);
    return self;
}

void log_writer_free(LogWriter *self)
{
    if (self->thread != NULL) {
        g_mutex_lock(&self->mutex);
        self->stopping = TRUE;
        g_cond_signal(&self->wake);
        g_mutex_unlock(&self->mutex);
        g_thread_join(self->thread);
    }
    g_queue_clear_full(&self->lines, line_free);
    g_hash_table_unref(self->held_back);
    log_limit_free(self->limit);
    g_cond_clear(&self->idle);
    g_cond_clear(&self->wake);
    g_mutex_clear(&self->mutex);
    g_free(self->identifier);
    g_free(self);
}

void log_writer_install(LogWriter *self)
{
    g_log_set_writer_func(log_writer_write, self, NULL);
}

const char *log_writer_get_identifier(LogWriter *self)
{
    return self->identifier;
}

int log_writer_get_level(LogWriter *self)
{
    return g_atomic_int_get(&self->level);
}

void log_writer_set_level(LogWriter *self, int level)
{
    g_atomic_int_set(&self->level, level);
}

LogTarget log_writer_get_target(LogWriter *self)
{
    return (LogTarget)g_atomic_int_get(&self->target);
}

void log_writer_set_target(LogWriter *self, LogTarget target)
{
    g_atomic_int_set(&self->target, (gint)target);
}

LogTarget log_writer_get_usual_target(LogWriter *self)
{
    return self->usual_target;
}
