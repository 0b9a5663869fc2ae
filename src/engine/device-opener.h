/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opens devices without making anybody wait: open() on dead storage can block for ever, so each
 * gets a thread of its own. At most DEVICE_OPENERS_MAX are under way at a time, so that calls which
 * name dead storage again and again cannot fill the host with threads.
 */
#pragma once

#include <gio/gio.h>

#include "blockio/block-device.h"

#define DEVICE_OPENERS_MAX 64

/* Calls back in the caller's main context; IoTimeout after `timeout_us` (the open itself then goes
 * on and its result is dropped), Busy when too many are under way. */
void device_open_async(const char *path, gboolean read_only, guint64 timeout_us,
                       GAsyncReadyCallback callback, gpointer user_data);
BlockDevice *device_open_finish(GAsyncResult *result, GError **error);
