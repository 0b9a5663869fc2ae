/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much of us one user can have at the same time. Root, and the user whom we run as, have all:
 * what they ask for is the host's own work, and they could stop us anyway.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "engine/engine.h"

/* Calls that have not ended, questions to polkit and waits among them. Each costs us some
 * kilobytes, a timer and perhaps a question that polkit has to answer in turn; a program with a
 * hundred threads that all call at once is not what we know. */
#define QUOTA_CALLS 64u

/* Each has descriptors, and a place among those that the kill guard has to kill in time. */
#define QUOTA_REGISTRATIONS 256u

/* Held, or asked for by a call that has not ended. Each is an object on the bus, and is looked at
 * and released on disk in turn when the host or its lockspace goes. */
#define QUOTA_RESOURCES 1024u

typedef struct CallerQuota CallerQuota;

CallerQuota *caller_quota_new(void);
void caller_quota_free(CallerQuota *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CallerQuota, caller_quota_free)

/* All FALSE with Busy, naming the quota. What was begun is ended once. */
gboolean caller_quota_begin_call(CallerQuota *self, uid_t uid, GError **error);
void caller_quota_end_call(CallerQuota *self, uid_t uid);

/* `n` more leases; what is acquired counts by itself, so they are given back with the call. */
gboolean caller_quota_begin_acquire(CallerQuota *self, BailiffEngine *engine, uid_t uid, gsize n,
                                    GError **error);
void caller_quota_end_acquire(CallerQuota *self, uid_t uid, gsize n);

/* Asked at the moment of registering. */
gboolean caller_quota_check_registration(BailiffEngine *engine, uid_t uid, GError **error);
