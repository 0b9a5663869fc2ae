/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opens devices without making anybody wait: open() on dead storage can block for ever, so each
 * gets a thread of its own.
 *
 * At most DEVICE_OPENERS_MAX of one set are under way at a time, so that calls which name dead
 * storage again and again cannot fill the host with threads; the next ones wait for their turn, no
 * longer than their time limit. Calls for one path at the same time share an open() that begins
 * after each of them, and then a device. Each lockspace has a set of its own: the leases of one
 * whose storage is dead do not hold up another's.
 */
#pragma once

#include <gio/gio.h>

#include "blockio/block-device.h"

#define DEVICE_OPENERS_MAX 64u

typedef struct DeviceOpeners DeviceOpeners;

/* Used from one main context only. */
DeviceOpeners *device_openers_new(void);

/* Opens under way go on and answer. */
void device_openers_unref(DeviceOpeners *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DeviceOpeners, device_openers_unref)

/* Calls back in the caller's main context; IoTimeout after `timeout_us` (the open itself then goes
 * on and its result is dropped), Busy when its turn did not come until then. `openers`: NULL for
 * the set of those that belong to no lockspace. */
void device_open_async(DeviceOpeners *openers, const char *path, gboolean read_only,
                       guint64 timeout_us, GAsyncReadyCallback callback, gpointer user_data);
BlockDevice *device_open_finish(GAsyncResult *result, GError **error);
