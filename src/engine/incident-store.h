/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where incidents are kept across restarts: one file for each in the state directory.
 *
 * That directory is on a disk, which may be the very one that fails: all of its I/O runs in one
 * detached thread that nobody ever waits for (but at the daemon's end, for a second), one request
 * at a time. What changes meanwhile waits as a mark on its incident, so that a thousand steps are a
 * few writes, and a directory that hangs costs no memory. What is wrong with the directory is said
 * once, until it works again.
 *
 * Numbers of files that are not understood are never given again, and the files never touched.
 */
#pragma once

#include "engine/incident.h"

typedef struct IncidentStore IncidentStore;

/* What was found, once: records in the order of their numbers (taken over; at most `max` of them,
 * the newest), and the highest number that any file there has; G_MAXUINT64 when the directory could
 * not be read. Not called after incident_store_free(). */
typedef void (*IncidentStoreLoaded)(GPtrArray *records, guint64 highest, gpointer user_data);

/* `directory` is made if need be; only its owner, who is we, may be able to write into it. */
IncidentStore *incident_store_new(const char *directory, guint max, IncidentStoreLoaded loaded,
                                  gpointer user_data);
/* The same of a directory in memory, from which nothing is read, for who comes next in this boot:
 * what changes is written when the main loop comes round, and at the most a few times a second
 * where it is much. */
IncidentStore *incident_store_new_volatile(const char *directory);
/* What is not yet written is, or `limit_us` is over: for one that is about to end. */
void incident_store_flush(IncidentStore *self, guint64 limit_us);
/* What is not yet written gets a second. */
void incident_store_free(IncidentStore *self);

/* It is new, or has changed: to be written soon. */
void incident_store_put(IncidentStore *self, BailiffIncident *incident);
/* Its file is to be removed; it is not put any more. */
void incident_store_remove(IncidentStore *self, BailiffIncident *incident);
