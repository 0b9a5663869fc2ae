/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where lines of the log go, and which: a writer of GLib's log with a thread of its own.
 *
 * The journal is a socket, the console often a pipe. Either can be full: a journal that writes to
 * storage which hangs takes no more lines after a few hundred, and a write to it blocks then. That
 * must not be the main loop's, which has deadlines to keep; so whoever logs puts the line into a
 * queue. Nor may it end in lines without bound: what does not fit is counted, and told when there
 * is room. What belongs to a failure that is being dealt with has room of its own.
 *
 * The same line about the same thing is written LOG_BURST times in LOG_WINDOW_SECONDS, and when
 * those are over once more with the number of those that were not; lines for debugging, and those
 * that the table of messages calls unlimited, are always written.
 */
#pragma once

#include <glib.h>

typedef struct LogWriter LogWriter;

#define LOG_BURST 10u
#define LOG_WINDOW_SECONDS 60u
/* Lines that wait to be written, and how many there can be with the unlimited ones. */
#define LOG_QUEUE_LINES 4096u
#define LOG_QUEUE_ALL_LINES 16384u

typedef enum LogTarget {
    LOG_TARGET_JOURNAL,
    LOG_TARGET_CONSOLE, /* standard error */
} LogTarget;

/* Writes one line, and may block; called by one thread at a time. */
typedef void (*LogSink)(LogTarget target, GLogLevelFlags level, const GLogField *fields,
                        gsize n_fields, gpointer user_data);

/* `identifier`: the field SYSLOG_IDENTIFIER of each line. `level`: LOG_ERR … LOG_DEBUG; what is
 * less important is not written. `sink` NULL: the journal, and standard error. The target is the
 * journal when standard error leads there; with the first one of a process there is
 * no other thread yet. */
LogWriter *log_writer_new(const char *identifier, int level, LogSink sink, gpointer user_data);
/* Of one that is not GLib's writer. Waits for its thread. */
void log_writer_free(LogWriter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LogWriter, log_writer_free)

/* From now on it is GLib's writer, until the end of the process. */
void log_writer_install(LogWriter *self);
/* A GLogWriterFunc, with the writer as its data. */
GLogWriterOutput log_writer_write(GLogLevelFlags level, const GLogField *fields, gsize n_fields,
                                  gpointer log_writer);

/* Waits until all is written, what was held back told as well; FALSE when that takes longer. */
gboolean log_writer_flush(LogWriter *self, guint64 limit_us);

const char *log_writer_get_identifier(LogWriter *self);
int log_writer_get_level(LogWriter *self);
void log_writer_set_level(LogWriter *self, int level);
LogTarget log_writer_get_target(LogWriter *self);
void log_writer_set_target(LogWriter *self, LogTarget target);
/* The one that it began with. */
LogTarget log_writer_get_usual_target(LogWriter *self);
