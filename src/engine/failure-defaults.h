/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The failure policies of registrations that have none of their own: for each kind of target one,
 * and for a lockspace another one where that was said. Which counts is asked when a lockspace
 * fails, since it is the failed one that decides.
 *
 * Filled once, before anybody asks; then only read.
 */
#pragma once

#include <glib.h>

#include "failure/failure-policy.h"

typedef struct FailureDefaults FailureDefaults;

/* With what counts when nothing is said: process "signal TERM 10s, kill"; unit "stop-unit 15s,
 * kill"; domain "pause 10s, poweroff 20s, kill". */
FailureDefaults *failure_defaults_new(void);
FailureDefaults *failure_defaults_ref(FailureDefaults *self);
void failure_defaults_unref(FailureDefaults *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FailureDefaults, failure_defaults_unref)

/* `lockspace` NULL: for all that have no policy of their own. The policy is one that
 * bailiff_failure_policy_check() likes for `target`; it is copied. */
void failure_defaults_set(FailureDefaults *self, const char *lockspace, FailureTarget target,
                          const FailurePolicy *policy);

/* Never NULL; borrowed, and valid as long as `self`. `lockspace` NULL: one without a name of its
 * own (a registration that holds no lease yet). */
const FailurePolicy *failure_defaults_get(FailureDefaults *self, const char *lockspace,
                                          FailureTarget target);
