/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What bailiffd writes to the log: one line that a person understands, and fields that programs
 * can filter by.
 *
 * Notable messages have an id, by which the journal's catalog (data/bailiff.catalog) explains them
 * and tools find them whatever the line says. The table in log-message.c is the one list of them;
 * a check compares it with the catalog and with where they are used. A message is notable when an
 * administrator may want to know of it afterwards, or has to do something.
 *
 * Lines go through GLib's structured log with GLib's levels message, info and debug, never warning:
 * that one means a fault of a program, which tests end on, while a lockspace that fails is what
 * bailiffd is for. How bad it is says the field PRIORITY, from the table; the writer of the log
 * (common/log-writer.h) goes by that.
 */
#pragma once

#include <sys/types.h>
#include <syslog.h>

#include <glib.h>

/* Named as in the table and the catalog: MESSAGE_LOCKSPACE_LATE is "lockspace-late". */
typedef enum MessageId {
    /* bailiffd itself */
    MESSAGE_DAEMON_READY,
    MESSAGE_DAEMON_NOT_STARTED,
    MESSAGE_DAEMON_REEXECUTES,
    MESSAGE_DAEMON_HANDS_OVER,
    MESSAGE_DAEMON_STOPPING,
    MESSAGE_DAEMON_STOPPED,
    MESSAGE_HOST_SHUTS_DOWN,
    MESSAGE_HOST_STAYS_UP,
    MESSAGE_SHUTDOWN_UNHEEDED,  /* leases are still held */
    MESSAGE_REMAINS_FOUND,      /* of a former bailiffd, which cannot be taken over */
    MESSAGE_LOCKSPACE_FORSAKEN, /* who may hold leases in one that cannot be read is stopped */
    MESSAGE_TAKEN_OVER,         /* what it had */
    MESSAGE_PREDECESSOR_STUCK,  /* it has not ended */
    MESSAGE_CONFIGURATION_RELOADED,
    MESSAGE_CONFIGURATION_REFUSED,
    MESSAGE_REAL_TIME_REFUSED,
    MESSAGE_BUS_LOST,
    MESSAGE_BUS_BACK,
    MESSAGE_POLKIT_ABSENT,
    MESSAGE_LAUNCHER_LOST,
    MESSAGE_LAUNCHER_BACK,
    MESSAGE_RECORD_FAILED,     /* something that outlasts bailiffd could not be written */
    MESSAGE_DESCRIPTORS_SHORT, /* nothing new is begun */
    MESSAGE_LINES_LOST,

    /* lockspaces */
    MESSAGE_LOCKSPACE_JOINED,
    MESSAGE_LOCKSPACE_JOIN_FAILED,
    MESSAGE_LOCKSPACE_TAKEN_OVER,
    MESSAGE_LOCKSPACE_LATE,
    MESSAGE_LOCKSPACE_FRESH,
    MESSAGE_LOCKSPACE_FAILING,
    MESSAGE_LOCKSPACE_LOST,
    MESSAGE_LOCKSPACE_LEFT,
    MESSAGE_LOCKSPACE_REJOINING,
    MESSAGE_LOCKSPACE_SUSPECTED,
    MESSAGE_HOST_ID_CHOSEN,
    MESSAGE_LOCKSPACE_RETRIED, /* by its record */
    MESSAGE_LOCKSPACE_NOT_RETRIED,
    MESSAGE_LOCKSPACE_RECORD_REFUSED,

    /* resources */
    MESSAGE_RESOURCE_ACQUIRED,
    MESSAGE_RESOURCE_RELEASED,
    MESSAGE_RESOURCE_NOT_RELEASED,
    MESSAGE_RESOURCE_GIVEN_UP,
    MESSAGE_RESOURCE_ORPHANED,
    MESSAGE_RESOURCE_REQUESTED,

    /* registrations */
    MESSAGE_REGISTRATION_FAILING,
    MESSAGE_STEP_STARTED,
    MESSAGE_STEP_FINISHED,
    MESSAGE_STEP_FAILED,
    MESSAGE_PROGRAM_OUTPUT,
    MESSAGE_REGISTRATION_CLEARED,
    MESSAGE_REGISTRATION_LEFT_TO_WATCHDOG,
    MESSAGE_LAST_KILL,
    MESSAGE_LAST_KILL_UNPREPARED,
    MESSAGE_RECOVERY_DELAYED,
    MESSAGE_RECOVERY_GIVEN_UP,
    MESSAGE_REGISTRATION_RECOVERED,
    MESSAGE_REGISTRATION_STOPPED_AGAIN,

    /* the watchdog */
    MESSAGE_WATCHDOG_ABSENT,
    MESSAGE_WATCHDOG_ARMED,
    MESSAGE_WATCHDOG_STOPPED,
    MESSAGE_WATCHDOG_FIRING,
    MESSAGE_WATCHDOG_FAILED,

    /* incidents */
    MESSAGE_INCIDENT_BEGUN,
    MESSAGE_INCIDENT_ENDED,
    MESSAGE_INCIDENT_UNSAFE,
    MESSAGE_INCIDENTS_NOT_WRITTEN,
    MESSAGE_INCIDENTS_WRITTEN_AGAIN,

    MESSAGE_COUNT,
} MessageId;

typedef struct MessageKind {
    const char *name;      /* "lockspace-late" */
    const char *id;        /* 32 lower-case hex digits: the field MESSAGE_ID */
    int priority;          /* LOG_ALERT … LOG_DEBUG */
    gboolean is_unlimited; /* part of how a failure goes: each one counts, however many come */
} MessageKind;

/* What a line is about, as far as it is about any of it: NULL and 0 give no field. */
typedef struct LogSubject {
    const char *lockspace;         /* LOCKSPACE */
    guint64 host_id;               /* HOST_ID: this host's, or the one that the line is about */
    const char *resource;          /* RESOURCE */
    guint64 registration;          /* REGISTRATION: the number in its object path */
    const char *registration_name; /* REGISTRATION_NAME */
    pid_t pid;                     /* OBJECT_PID: the journal adds to which unit it belongs */
    const char *step;              /* STEP: the action of a failure policy */
    guint64 incident;              /* INCIDENT */
} LogSubject;

/* A subject as an argument: LOG_SUBJECT(.lockspace = name, .host_id = 7). */
#define LOG_SUBJECT(...) (&(const LogSubject){ __VA_ARGS__ })

/* `message` is below MESSAGE_COUNT. */
const MessageKind *message_kind(MessageId message);
/* NULL: not one of ours. */
const MessageKind *message_kind_of_id(const char *id);

/* Writes a notable message. `subject` may be NULL. The line is what the format gives, with
 * everything that would not be one line of printable text replaced: a name or an error's text can
 * come from anywhere. Thread-safe as GLib's log is. */
#define log_message(message, subject, ...)                                                         \
    log_message_at(message, subject, __FILE__, G_STRINGIFY(__LINE__), G_STRFUNC, __VA_ARGS__)

/* Writes a line that needs no id, about something; `priority` is LOG_WARNING … LOG_DEBUG. */
#define log_line(priority, subject, ...)                                                           \
    log_line_at(priority, subject, __FILE__, G_STRINGIFY(__LINE__), G_STRFUNC, __VA_ARGS__)

/* For the two macros. */
void log_message_at(MessageId message, const LogSubject *subject, const char *file,
                    const char *line, const char *function, const char *format, ...)
    G_GNUC_PRINTF(6, 7);
void log_line_at(int priority, const LogSubject *subject, const char *file, const char *line,
                 const char *function, const char *format, ...) G_GNUC_PRINTF(6, 7);
