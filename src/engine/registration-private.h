/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the rest of the model does with a registration.
 */
#pragma once

#include "actions/target.h"
#include "engine/failure-defaults.h"
#include "engine/registration.h"

/* Takes over `target`. `policy` NULL: the default of the lockspace that fails. */
BailiffRegistration *bailiff_registration_new(BailiffEngine *engine, guint64 id, const char *name,
                                              BailiffTarget *target, uid_t owner_uid,
                                              const FailurePolicy *policy);

/* As an earlier daemon has written it down (held-record.h): same number, policy, state, and what it
 * had given up. What it holds comes after it: then bailiff_registration_go_on() is called. NotFound
 * when its target has ended, Corrupt. */
BailiffRegistration *bailiff_registration_restore(BailiffEngine *engine, guint64 id,
                                                  GKeyFile *record, GError **error);
/* The end of its restoring: a walk goes on where it was, an end that nobody saw is seen now. */
void bailiff_registration_go_on(BailiffRegistration *self);
/* It did not use what it held (it was paused, or had ended): what an earlier daemon acquired for it
 * is to be given back. */
gboolean bailiff_registration_uses_nothing(BailiffRegistration *self);
/* A new one is written down, now; IoError. Where that fails it is to be disowned, and unreferenced:
 * nobody has seen it. */
gboolean bailiff_registration_save(BailiffRegistration *self, GError **error);
void bailiff_registration_disown(BailiffRegistration *self);
/* What was to be written down soon is, now. */
void bailiff_registration_save_pending(BailiffRegistration *self);
/* Published leases, in whatever lockspace. */
gboolean bailiff_registration_holds_some(BailiffRegistration *self);
/* It was given leases of this lockspace, or may have been. */
gboolean bailiff_registration_is_recorded(BailiffRegistration *self, const char *lockspace);
/* Their names, NULL-terminated; free the array. */
const char **bailiff_registration_list_recorded(BailiffRegistration *self);

/* New defaults count for it from now on; FALSE with an error when the last kill cannot be prepared
 * for them: nothing has changed then. One whose failure policy is being walked keeps the old ones.
 */
gboolean bailiff_registration_take_defaults(BailiffRegistration *self, FailureDefaults *defaults,
                                            GError **error);

/* What is walked when this lockspace fails: its own policy, or the default. Borrowed. */
const FailurePolicy *bailiff_registration_get_policy_for(BailiffRegistration *self,
                                                         const char *lockspace);

BailiffTarget *bailiff_registration_get_target(BailiffRegistration *self);
/* "process 812": for messages. */
const char *bailiff_registration_describe(BailiffRegistration *self);

/* A lockspace in which it holds a lease has failed: walk the failure policy from `fail_us` on. */
void bailiff_registration_start_failing(BailiffRegistration *self, const char *lockspace,
                                        guint64 fail_us);

/* The same, for a lockspace of which it is not known what it holds there: nothing but its end is
 * enough. Written down at once. */
void bailiff_registration_forsake(BailiffRegistration *self, const char *lockspace,
                                  guint64 fail_us);

/* What its walk waits for is there: the bus (action-services.h). */
void bailiff_registration_bus_came(BailiffRegistration *self);

/* The fail deadline of the walk for `lockspace` that was under way when an earlier daemon ended;
 * TIME_NEVER: there was none. */
guint64 bailiff_registration_get_saved_fail(BailiffRegistration *self, const char *lockspace);

/* A lockspace is held (again): what waits for it goes on. */
void bailiff_registration_consider_recovery(BailiffRegistration *self);
/* It would come back by itself if `lockspace` were held. */
gboolean bailiff_registration_wants_lockspace(BailiffRegistration *self, const char *lockspace);

/* Another host wants `resource`, which this holds. It is announced (release-requested); and the
 * target gets a SIGTERM, or, with `force`, it is killed as by the last step of a failure policy. A
 * registration with the policy ignore is only announced: it was given the right to go on. */
void bailiff_registration_request_release(BailiffRegistration *self, BailiffResource *resource,
                                          gboolean force);

/* One of its resources was published; is gone, or its own no longer. */
void bailiff_registration_add_resource(BailiffRegistration *self, BailiffResource *resource);
void bailiff_registration_resource_gone(BailiffRegistration *self, BailiffResource *resource);

/* How acquisitions hold on to it: while one is under way it is neither removed nor cleared by
 * releasing. */
void bailiff_registration_begin_acquiring(BailiffRegistration *self);
void bailiff_registration_end_acquiring(BailiffRegistration *self);
/* Cancelled when the process has ended or its failure policy is walked. */
GCancellable *bailiff_registration_get_cancellable(BailiffRegistration *self);
/* Ready to be given leases: its process lives and no failure policy is being walked. */
gboolean bailiff_registration_check_ready(BailiffRegistration *self, GError **error);
/* Writes down in which lockspaces it may hold leases, before the first one is granted. */
gboolean bailiff_registration_record_held(BailiffRegistration *self, const BailiffLeaseWish *wishes,
                                          gsize n_wishes, GError **error);
