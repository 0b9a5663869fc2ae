/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of the model do with the engine that owns them.
 */
#pragma once

#include "actions/action.h"
#include "blockio/block-device.h"
#include "engine/engine-watchdog.h"
#include "engine/engine.h"
#include "engine/held-record.h"
#include "engine/incident-recorder.h"
#include "engine/void-records.h"

/* No longer to be found, and announced; the caller holds a reference of its own. */
void bailiff_engine_remove_lockspace(BailiffEngine *self, BailiffLockspace *lockspace);
void bailiff_engine_remove_registration(BailiffEngine *self, BailiffRegistration *registration);

/* What was restored (succession.h): taken over, and announced. */
void bailiff_engine_insert_lockspace(BailiffEngine *self, BailiffLockspace *lockspace);
void bailiff_engine_insert_registration(BailiffEngine *self, BailiffRegistration *registration);

/* The state of a lockspace has changed. */
void bailiff_engine_lockspace_changed(BailiffEngine *self, BailiffLockspace *lockspace);

gboolean bailiff_engine_is_shutting_down(BailiffEngine *self);
void bailiff_engine_begin_to_shut_down(BailiffEngine *self);
/* Whether anything new may be begun: a lockspace, a registration, a job on storage. Busy; IoError,
 * when the runtime directory is not the one that is locked. */
gboolean bailiff_engine_check_accepts_work(BailiffEngine *self, GError **error);

/* By what failure policies reach the world; stays at its place. */
const ActionServices *bailiff_engine_get_services(BailiffEngine *self);

/* engine.c, for registering.c. Takes over `target`, also where it fails: IoError, when it cannot be
 * written down. Everything else was checked. */
BailiffRegistration *bailiff_engine_add_registration(BailiffEngine *self, BailiffTarget *target,
                                                     const char *name, uid_t owner_uid,
                                                     const FailurePolicy *policy, GError **error);

/* For registrations that are new. Borrowed. */
FailureDefaults *bailiff_engine_get_failure_defaults(BailiffEngine *self);

KillGuard *bailiff_engine_get_kill_guard(BailiffEngine *self);
/* How many it has killed since this was asked for the last time: the guard itself logs nothing. */
guint64 bailiff_engine_take_last_kills(BailiffEngine *self);

/* Lockspaces of an earlier daemon that could not be read; _changed(): there are fewer. */
typedef struct Forsaken Forsaken;
Forsaken *bailiff_engine_get_forsaken(BailiffEngine *self);
void bailiff_engine_forsaken_changed(BailiffEngine *self);

/* What resets this host when somebody cannot be made harmless in time. */
EngineWatchdog *bailiff_engine_get_watchdog(BailiffEngine *self);

/* What is kept for the next daemon, and what the last one has kept; may be NULL. */
FdStore *bailiff_engine_get_fd_store(BailiffEngine *self);

/* Registrations of this daemon's life have this id or a higher one. */
guint64 bailiff_engine_get_first_id(BailiffEngine *self);

/* Where held leases are written down. */
const char *bailiff_engine_get_runtime_dir(BailiffEngine *self);
/* Files there that are void for a moment. */
VoidRecords *bailiff_engine_get_void_records(BailiffEngine *self);

/* Who tells of incidents. Borrowed. */
BailiffIncidentRecorder *bailiff_engine_get_recorder(BailiffEngine *self);

/* Ranges of storage that are spoken for: engine/storage-claims.h. */
typedef struct StorageClaims StorageClaims;
StorageClaims *bailiff_engine_get_claims(BailiffEngine *self);
