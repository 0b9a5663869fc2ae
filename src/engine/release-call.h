/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One call that releases several resources: answers when all have answered, with the first error.
 */
#pragma once

#include <gio/gio.h>

/* `resources`: of BailiffResource. */
void release_call_start(GPtrArray *resources, GAsyncReadyCallback callback, gpointer user_data);
gboolean release_call_finish(GAsyncResult *result, GError **error);
