/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the two workers of one lockspace and the main loop have to know of each other: the other
 * hosts as the renewals see them, and until when this host may act on its own lease.
 *
 * Reference counted and locked; the lock is held for memory work only, never across I/O.
 */
#pragma once

#include <glib.h>

#include "lease/frozen-watch.h"
#include "lease/host-inbox.h"
#include "engine/area-reader.h"
#include "engine/remains-table.h"
#include "lease/host-view.h"

LeaseSight *lease_sight_new(const char *lockspace_name, const Layout *layout, guint64 own_host_id,
                            guint64 own_generation, guint32 own_io_timeout);
LeaseSight *lease_sight_ref(LeaseSight *self);
void lease_sight_unref(LeaseSight *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LeaseSight, lease_sight_unref)

/* One whole lockspace area, as host_table_observe() and hosts_ever_observe() take it. */
void lease_sight_observe(LeaseSight *self, const guint8 *area, guint32 length,
                         guint64 read_started_us, guint64 read_ended_us);
/* HostEventIn that have arrived since the last call; free it. */
GArray *lease_sight_take_events(LeaseSight *self);
/* Whether the requests of what is held here are to be examined, since the last call. */
gboolean lease_sight_take_examine_due(LeaseSight *self);
HostView lease_sight_view(LeaseSight *self, guint64 host_id);
void lease_sight_hosts_ever(LeaseSight *self, HostsEver *ret);
/* Memory for a FrozenWatch of this lockspace: nobody else uses it. */
FrozenPeer *lease_sight_get_frozen_peers(LeaseSight *self);
/* The first host with a higher id than `after_id` of whom anything was ever seen; FALSE: none. */
gboolean lease_sight_next_host(LeaseSight *self, guint64 after_id, HostView *ret);

/* What is known of resources; for the resource worker's thread. Lives as long as the sight. */
AreaReader *lease_sight_get_area_reader(LeaseSight *self);

/* What releases have left behind; for the main loop. Lives as long as the sight. */
RemainsTable *lease_sight_get_remains(LeaseSight *self);

/* The fail deadline of the latest good renewal; 0 once the lease is lost: nothing may be acquired
 * any more. */
void lease_sight_set_valid_until(LeaseSight *self, guint64 valid_until_us);
guint64 lease_sight_get_valid_until(LeaseSight *self);

/* No new leases any more, while those that are held may still be given back. */
void lease_sight_close(LeaseSight *self);
gboolean lease_sight_is_closed(LeaseSight *self);
