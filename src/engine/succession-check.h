/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether this program could go on with what a daemon that still runs has written down. Asked
 * before that one is told to hand over: what could not be taken over would be made harmless then
 * (succession.h), where nothing is wrong with it.
 */
#pragma once

#include <glib.h>

/* InvalidArgument: it is held under another host name. Unsupported, Corrupt, IoError: a file cannot
 * be read, by this version or at all. Busy: too few file descriptors for all that there is. Blocks for some milliseconds. */
gboolean succession_check(const char *runtime_dir, const char *host_name, GError **error);
