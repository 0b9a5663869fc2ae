/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host of a lockspace as this host sees it: one for each host id that was ever used.
 */
#pragma once

#include "engine/engine.h"
#include "lease/host-view.h"

/* Properties: generation (uint64), host-name (string), state (HostState as int), io-timeout (uint);
 * they notify. last-seen does not. */
#define BAILIFF_TYPE_HOST (bailiff_host_get_type())
G_DECLARE_FINAL_TYPE(BailiffHost, bailiff_host, BAILIFF, HOST, GObject)

guint64 bailiff_host_get_host_id(BailiffHost *self);
guint64 bailiff_host_get_generation(BailiffHost *self);
/* As on disk, made valid UTF-8; never NULL. */
const char *bailiff_host_get_host_name(BailiffHost *self);
HostState bailiff_host_get_state(BailiffHost *self);
guint64 bailiff_host_get_last_seen(BailiffHost *self); /* boottime; 0 = never */
guint32 bailiff_host_get_io_timeout(BailiffHost *self);
