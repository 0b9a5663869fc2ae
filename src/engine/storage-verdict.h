/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a look at storage means for leases: what is wrong, what to mind, which io timeout.
 */
#pragma once

#include "blockio/storage-probe.h"

/* The a{sv} that Manager.CheckStorage() documents; floating. `offset` is that of the look. */
GVariant *storage_verdict(const StorageFacts *facts, guint64 offset, guint64 now_us);
