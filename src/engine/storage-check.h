/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is this storage fit for leases? A thread for each look, which reads only, and an answer in time
 * whatever the storage does.
 */
#pragma once

#include <gio/gio.h>

#define STORAGE_CHECK_SECONDS_DEFAULT 3u
#define STORAGE_CHECK_SECONDS_MAX 300u

/* Looks under way, among them those whose storage has never answered. */
#define STORAGE_CHECKS_MAX 16u

/* Calls back in the main context, AREA_READ_TIMEOUT_SECONDS after `seconds` at the latest. Errors:
 * InvalidArgument, NotFound (there is nothing to look at), Busy. All else that is wrong is in the
 * answer. */
void storage_check_async(const char *path, guint64 offset, guint seconds,
                         GAsyncReadyCallback callback, gpointer user_data);

/* The dictionary that Manager.CheckStorage() documents, a full reference. */
GVariant *storage_check_finish(GAsyncResult *result, GError **error);
