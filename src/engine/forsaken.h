/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Forsaken lockspaces: what an earlier daemon has written down of one, or of a lease there, cannot
 * be read. There is no lockspace to take over then, or not all of it, and whoever may hold leases
 * there is to be stopped; this is what stands behind his failure policy, as a lockspace would:
 *
 *   fail = the earliest of now, and a minute before the moment from which another host may hold
 *          what was held here, as far as that is written down beside (engine/lockspace-past.h).
 *          Where that cannot be read either it may be so already: fail is a minute ago
 *   fail + FAILURE_BUDGET_SECONDS   the kill guard kills whoever is left, main loop or not
 *   fail + RESET_..._SECONDS        the watchdog resets this host, if anybody is left then
 *
 * Nothing moves this deadline on. A registration is gone from here when its target has ended, which
 * is proved, and in no other way: what it holds is not known, so that it can neither let go of it
 * nor be let run again with it. A registration that cannot be read may be anybody, and so one of
 * those: with one the watchdog stays until somebody has made sure that it does not run, and has
 * removed its record. Who is to be ignored is nobody that this host would be reset for.
 *
 * What cannot be read stays in the runtime directory as long, so that a daemon which follows this
 * one does the same again, with the same deadline; then it is removed, and the lockspace can be
 * joined.
 */
#pragma once

#include "engine/engine.h"

typedef struct Forsaken Forsaken;

Forsaken *forsaken_new(BailiffEngine *engine);
/* Nobody is gone by that: the watchdog stays armed. */
void forsaken_free(Forsaken *self);

/* At the start of the daemon, for one lockspace after the other. `fail_us`: the fail deadline as
 * the lockspace itself has it; TIME_NEVER: not known. `registrations`: those that may hold leases
 * there; `unreadable`: (element-type guint64) registrations that may be anybody. Their failure
 * policies begin, and are written down. FALSE: there is nobody, and nothing is to be kept for it.
 */
gboolean forsaken_add(Forsaken *self, const char *lockspace, guint64 fail_us,
                      GPtrArray *registrations, GArray *unreadable);

gboolean forsaken_has(Forsaken *self, const char *lockspace);

/* Looks whether records that could not be read were removed; `never_there`: as
 * held_records_drop_removed(). FALSE: there are none any more. */
gboolean forsaken_acknowledge(Forsaken *self, const GArray *never_there);

/* Busy while somebody may still use leases of `lockspace`, with their names. */
gboolean forsaken_check_join(Forsaken *self, const char *lockspace, GError **error);

/* Names, NULL-terminated; owned. */
char **forsaken_list(Forsaken *self);
/* Registrations that are not gone, over all lockspaces, those that cannot be read among them. */
guint forsaken_count_users(Forsaken *self);

/* Calls back, once, when all that can end by itself has; at once where there is nobody. */
void forsaken_wait_async(Forsaken *self, GAsyncReadyCallback callback, gpointer user_data);
gboolean forsaken_wait_finish(GAsyncResult *result);
