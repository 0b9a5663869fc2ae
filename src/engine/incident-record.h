/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is known of one incident (one lease loss), as plain data.
 *
 * A record has one owner and one thread at a time. Its steps never change once they are made, and
 * are counted references: a snapshot for the thread that writes it down is a copy of the list.
 */
#pragma once

#include <glib.h>

/* Steps of one incident: a thousand registrations with a policy of three steps make seven thousand.
 * The lockspace's own have room beyond that, so that the end of the story is never what is dropped.
 */
#define INCIDENT_STEPS_MAX 8192u
#define INCIDENT_LOCKSPACE_STEPS_MAX 64u
/* Of them, those for a daemon that ends again and again. */
#define INCIDENT_TAKE_OVERS_MAX 32u
/* Characters of texts that somebody else made up, with their NULs. */
#define INCIDENT_CAUSE_SIZE 1024u
#define INCIDENT_DETAIL_SIZE 256u
#define INCIDENT_NAME_SIZE 64u
/* Numbers beyond are no longer exact in JSON. */
#define INCIDENT_NUMBER_MAX (G_GUINT64_CONSTANT(1) << 53)

typedef enum IncidentOutcome {
    INCIDENT_ONGOING,
    INCIDENT_RECOVERED,   /* renewed before the fail deadline: nobody was touched */
    INCIDENT_CLEARED,     /* every registration was made harmless in time */
    INCIDENT_OVERDUE,     /* all were, but some only when the watchdog might have fired already */
    INCIDENT_IGNORED,     /* some go on, by their failure policy ignore; the others are cleared */
    INCIDENT_UNCLEARED,   /* of some it was never seen that they were made harmless */
    INCIDENT_INTERRUPTED, /* bailiffd ended, or the host was reset, and nobody went on with it */
    INCIDENT_OUTCOME_COUNT,
} IncidentOutcome;

typedef enum IncidentEvent {
    /* The lockspace. */
    INCIDENT_RENEWAL_LATE,
    INCIDENT_FAILED,
    INCIDENT_RENEWED, /* in time */
    INCIDENT_LEAVING, /* somebody wants it to be left */
    INCIDENT_LEFT,
    INCIDENT_LOST,        /* nothing on this host uses it any more */
    INCIDENT_JOINED,      /* again */
    INCIDENT_HANDED_OVER, /* bailiffd goes on as another program or process */
    INCIDENT_TAKEN_OVER,  /* another bailiffd goes on with it */
    /* A registration. */
    INCIDENT_STEP_STARTED,
    INCIDENT_STEP_CONTINUED, /* by another bailiffd than the one that started it */
    INCIDENT_STEP_FINISHED,
    INCIDENT_REGISTRATION_CLEARED,
    INCIDENT_RECOVERY,  /* what it waits for, or tries, to come back */
    INCIDENT_RESUMED,   /* after a pause, with its leases */
    INCIDENT_RESTARTED, /* it had ended, and runs again */
    INCIDENT_EVENT_COUNT,
} IncidentEvent;

typedef struct IncidentStep {
    guint64 time_us; /* CLOCK_BOOTTIME */
    IncidentEvent event;
    guint64 registration; /* 0: it is about the lockspace */
    char *name;           /* of the registration; else NULL */
    char *kind;           /* "process", ...; NULL with name */
    int index;            /* in the failure policy; -1: none */
    char *action;         /* NULL: none */
    gboolean worked;      /* step-finished only */
    guint64 took_us;      /* step-finished, cleared: since its step, or the failure, began */
    char *detail;         /* never NULL */
} IncidentStep;

typedef struct IncidentRecord {
    guint64 number;
    char *lockspace;
    char *cause;   /* two lines: what is the cause, what to do */
    char *boot_id; /* of the boot that all times on CLOCK_BOOTTIME belong to */
    guint64 started_us;
    guint64 started_real_us; /* wall clock: since 1970, UTC */
    guint64 last_renewal_us; /* the last good one: what its deadlines were counted from */
    guint64 fail_at_us;
    guint64 ended_us; /* 0: not yet */
    IncidentOutcome outcome;
    guint registrations; /* how many held leases there */
    guint cleared;       /* of them */
    guint64 dropped;     /* steps for which there was no room */
    GPtrArray *steps;    /* of IncidentStep, in order */
    guint lockspace_steps;
} IncidentRecord;

/* "ongoing", "recovered", ... */
const char *incident_outcome_name(IncidentOutcome outcome);
/* INCIDENT_OUTCOME_COUNT: none. */
IncidentOutcome incident_outcome_from_name(const char *name);
/* "renewal-late", "failed", ... */
const char *incident_event_name(IncidentEvent event);
IncidentEvent incident_event_from_name(const char *name);

/* Valid UTF-8 of fewer than `size` bytes, whatever `text` is (NULL: nothing). */
char *incident_text(const char *text, gsize size);

/* A copy of `step`, whose strings are cut to their sizes. */
IncidentStep *incident_step_new(const IncidentStep *step);
IncidentStep *incident_step_ref(IncidentStep *self);
void incident_step_unref(IncidentStep *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(IncidentStep, incident_step_unref)

IncidentRecord *incident_record_new(void);
void incident_record_free(IncidentRecord *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(IncidentRecord, incident_record_free)
/* For another thread. */
IncidentRecord *incident_record_copy(const IncidentRecord *self);

/* Takes over `step`. FALSE: there was no room for it, which is counted. */
gboolean incident_record_add(IncidentRecord *self, IncidentStep *step);
