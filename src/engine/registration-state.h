/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a registration is made of, for the files that make it up:
 *
 *   registration.c          what is shown of it, and its life
 *   registration-leases.c   what it holds: acquiring, releasing, the held record
 *   registration-failing.c  its failure policy is walked, until it is cleared or paused
 *   registration-recovery.c what was given up, and how it comes back
 *   registration-saved.c    how it is written down for the next daemon, and read back
 */
#pragma once

#include "common/boottime-timer.h"
#include "common/log-message.h"
#include "engine/failure-defaults.h"
#include "engine/failure-runner.h"
#include "engine/last-kill.h"
#include "engine/registration-private.h"
#include "engine/registration-recovery.h"

/* A walk through a failure policy that was under way when an earlier daemon ended. */
typedef struct SavedWalk {
    FailurePolicy policy;
    char *lockspace;
    guint64 fail_us;
    FailureRunnerPoint point;
    char *detail; /* the point's */
} SavedWalk;

void saved_walk_free(SavedWalk *self);

struct _BailiffRegistration {
    GObject parent_instance;

    BailiffEngine *engine; /* owns us; NULL once removed */
    guint64 id;
    char *name;
    BailiffTarget *target;
    uid_t owner_uid; /* who has set its policy: as a rule who has registered it */
    FailurePolicy policy;
    FailureDefaults *defaults; /* what counts where it has no policy of its own */
    gboolean has_own_policy;   /* else `policy` is the default that counted last */
    BailiffRegistrationState state;
    int step;

    gboolean drilling; /* its walk is a drill: no lockspace has failed */
    gboolean killing;  /* for a request: its walk has no end but that of the target */
    gboolean ended;    /* the target has, and is not to be started again */
    FailureRunner *runner;
    const FailurePolicy *walked; /* a static one, or `policy` */
    gboolean told_failing;       /* the log */
    int inherited_step;          /* begun by an earlier daemon, not yet told of; -1: none */
    char *failed_lockspace;      /* for which it is walked */
    guint64 walk_fail_us;        /* what its times are counted from */
    FailureRunnerPoint walk_point;
    char *walk_detail;    /* the point's */
    GPtrArray *resources; /* published ones, until they are gone */
    guint acquiring;
    LastKill *last_kill; /* where it dies with the lease */
    GCancellable *cancellable;
    GHashTable *recorded; /* set of lockspace names in the held record */
    guint record_timer;
    guint save_idle;
    gboolean written;             /* there is a record */
    SavedWalk *saved_walk;        /* of an earlier daemon, until it goes on */
    BoottimeTimer *overdue_timer; /* of the walk; see registration-failing.c */
    GPtrArray *ended_runners;     /* freed at the end: a runner can end inside its own callback */

    Recovery *recovery; /* NULL: nothing was given up */
};

/* For the log; valid as long as `self` and what it is walked for. */
LogSubject registration_log_subject(BailiffRegistration *self);
void registration_set_state(BailiffRegistration *self, BailiffRegistrationState state);
/* What is walked when this lockspace fails (bailiff_registration_get_policy_for) is `policy` from
 * now on. */
void registration_choose_policy(BailiffRegistration *self, const char *lockspace);
void registration_set_step(BailiffRegistration *self, int step);
void registration_emit_step_started(BailiffRegistration *self, guint index, const char *action);
void registration_emit_step_finished(BailiffRegistration *self, guint index, const char *action,
                                     gboolean worked, const char *detail);
void registration_emit_cleared(BailiffRegistration *self, const char *how);
void registration_emit_resources_changed(BailiffRegistration *self);
/* Gone once the target has ended and nothing of it is left on disk or under way. */
void registration_check_removable(BailiffRegistration *self);
/* No longer to be found. */
void registration_remove(BailiffRegistration *self);

void registration_emit_release_requested(BailiffRegistration *self, BailiffResource *resource,
                                         const char *how);
void registration_notify_recovery(BailiffRegistration *self);

/* registration-saved.c */
/* Writes it down, now, or when the main loop comes round. */
gboolean registration_save(BailiffRegistration *self, GError **error);
void registration_save_soon(BailiffRegistration *self);
void registration_remove_record(BailiffRegistration *self);
/* It holds nothing at the moment. */
void registration_let_record_rest(BailiffRegistration *self);

/* registration-leases.c */
/* All of its leases are given back, or become orphans. */
void registration_let_go(BailiffRegistration *self);
/* Sees to it that it dies where it holds leases and is to. */
gboolean registration_prepare_last_kill(BailiffRegistration *self, GError **error);
/* It holds fewer than before, or its policy is another one: where it need not die any more. */
void registration_review_last_kill(BailiffRegistration *self);
/* FALSE while it holds one in a lockspace that has failed; in a drill, any. */
gboolean registration_is_clear_of_failed(BailiffRegistration *self);

/* registration-failing.c */
/* The target has ended, which is proved. */
void registration_target_ended(BailiffRegistration *self);
/* It was paused, or had ended, and runs. */
void registration_target_runs(BailiffRegistration *self);
/* One of its leases is gone: maybe the last one of a failed lockspace. */
void registration_became_clear(BailiffRegistration *self);
/* Walks `policy`, whose times count from `fail_us`, or hastens the walk that is under way. */
void registration_walk(BailiffRegistration *self, const FailurePolicy *policy,
                       const char *lockspace, guint64 fail_us);
/* Goes on with a walk, whose `saved` stays valid as long as it lasts. */
void registration_resume_walk(BailiffRegistration *self, const SavedWalk *saved);
