/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RegisterProcess(), RegisterUnit(), RegisterDomain() and Acquire(), as `register`, `acquire` and
 * `run` call them.
 */
#pragma once

#include "ctl/bus-client.h"
#include "failure/failure-policy.h"

/* Registers by pidfd, so that what is registered is the process that has this pid now.
 * `policy`: NULL for the daemon's default. */
BailiffBusRegistration *register_process(BusClient *client, pid_t pid, const char *name,
                                         const FailurePolicy *policy, gboolean descendants,
                                         GError **error);

/* `name`: NULL for one that is made of the unit's or the domain's. */
BailiffBusRegistration *register_unit(BusClient *client, const char *unit, const char *name,
                                      const FailurePolicy *policy, GError **error);
BailiffBusRegistration *register_domain(BusClient *client, const char *uuid, const char *name,
                                        const FailurePolicy *policy, GError **error);

/* Options of a lease, as Acquire() has them. */
typedef struct AcquireOptions {
    gboolean wait;
    gboolean persistent;
    gboolean adopt;
    gboolean shared;
    guint64 version; /* 0: any */
} AcquireOptions;

/* The first argument of Acquire() from "RESOURCE@PATH[:OFFSET]" words; floating. */
GVariant *acquire_wishes(const char *lockspace, char **words, const AcquireOptions *wanted,
                         GError **error);
