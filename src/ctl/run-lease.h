/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The leases of `bailiffctl run`: registered and acquired before the command starts, given back
 * after the last process of it is gone. All calls wait for their answer; nothing of the command
 * runs then.
 */
#pragma once

#include "ctl/bus-client.h"
#include "failure/failure-policy.h"

typedef struct RunLease {
    BailiffBusRegistration *registration;
    char *lockspace_name;
    char *lockspace;   /* object path */
    char **resources;  /* object paths */
    guint64 *versions; /* as many; 0: shared */
    char **names;      /* of the resources */
    guint64 fail_at_us;
} RunLease;

typedef struct RunWish {
    const char *name;            /* of the registration */
    const FailurePolicy *policy; /* NULL: the daemon's default */
    const char *lockspace;
    char **places; /* RESOURCE@PATH[:OFFSET] */
    gboolean wait;
    gboolean shared;
} RunWish;

/* Registers this process with all that will be below it, and acquires the leases. Fails also when
 * they were lost again in the same moment. */
RunLease *run_lease_take(BusClient *client, const RunWish *wish, GError **error);
void run_lease_free(RunLease *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RunLease, run_lease_free)

/* Gives them back and waits a while until that is on disk; the daemon goes on without us if it is
 * not done then. `connection`: the one in use by now. */
gboolean run_lease_give_back(RunLease *self, GDBusConnection *connection, GError **error);

/* The environment of the command: BAILIFF_LOCKSPACE, and BAILIFF_RESOURCE and BAILIFF_VERSION (not
 * of a shared lease), with _1, _2 … behind them when there are several. */
char **run_lease_environment(const RunLease *self);
