/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a user may call things, and the sentences where it is refused.
 */
#pragma once

#include <glib.h>

/* `what`: "lockspace", "resource", "registration", "host"; `max_length` as in fixed-name.h. */
gboolean bailiff_check_name(const char *what, const char *name, guint max_length, GError **error);

/* Absolute, not empty, shorter than PATH_MAX. */
gboolean bailiff_check_path(const char *path, GError **error);
