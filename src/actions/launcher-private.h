/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the launcher's requests (launcher.c) and its programs from before (launcher-adoption.c)
 * share.
 */
#pragma once

#include "actions/launcher-inheritance.h"
#include "actions/launcher-link.h"
#include "actions/launcher.h"
#include "actions/program-output.h"
#include "common/boottime-timer.h"

/* After the limit, for the launcher to say that it has killed it. */
#define LAUNCHER_ANSWER_PATIENCE_US (5u * USEC_PER_SECOND)

struct Launcher {
    LauncherLink *link;
    GHashTable *programs; /* guint64 id -> Program: those that the launcher has yet to answer */
    GPtrArray *adoptable; /* of Program: also those whose end nobody has asked for yet */
    LauncherInheritance *given; /* what is about to be inherited; NULL: nothing */
    guint64 last_id;
    guint n_checks; /* that somebody waits for */
    GQueue *checks; /* of WaitingCheck */
    void (*changed)(gpointer user_data);
    gpointer changed_data;
    GTask *stop; /* NULL: it is not being stopped */
    BoottimeTimer *stop_timer;
    gboolean is_stopped; /* or is about to be: it takes no programs */
    gboolean is_ended;   /* what was under way at the stop has ended, or was given up */
};

typedef struct Program {
    Launcher *launcher;
    guint64 id;
    GTask *task; /* NULL: its caller was answered already */
    GSource *cancel_source;
    BoottimeTimer *timer;
    ProgramOutput *output; /* NULL for a check */
    char *path;
    char *log_prefix;
    guint64 registration;
    guint step;
    uid_t uid;
    guint64 until_us;
    gboolean is_adoptable; /* it is in that list, and no longer in the table once it has ended */
    gboolean has_ended;
    GError *end; /* how; NULL: well */
} Program;

/* Without a limit, output or caller; not in the table. All of `what` is copied. */
Program *launcher_program_new(Launcher *launcher, guint64 id, const LauncherProgram *what);
void launcher_program_free(Program *program);
/* What it writes comes from `fd` (taken over), and goes into the log. */
void launcher_program_listen(Program *program, int fd);
void launcher_watch_cancellable(Program *program, GCancellable *cancellable);

/* The launcher kills it, or never hears of it. */
void launcher_end_program(Program *program);

/* Takes over both. `error` NULL: it went well. The callback may begin other programs: nothing may
 * be in the midst of a change when it is called. */
void launcher_answer_caller(GTask *task_taken, GError *error);

/* launcher-adoption.c. TRUE: its end came before anybody has asked for it, and is kept; takes over
 * `error` then. */
gboolean launcher_keep_end(Program *program, GError *error);

/* Without a link. */
Launcher *launcher_make(void);
extern const LauncherLinkEvents launcher_link_events;
