/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of incidents: DIRECTORY/N, the stored form of incident N.
 *
 * Everything here blocks for as long as the disk wishes: for the store's thread only, but where the
 * directory is known to be memory. The directory
 * is opened anew each time, so that it may be mounted, mended or replaced while the daemon runs.
 */
#pragma once

#include "engine/incident-record.h"

/* Records in the order of their numbers, the newest `max`; older ones that are understood are
 * removed, and so is what writes that never ended have left. What is not understood, too large, no
 * file, or writable for others stays where it is, with a warning that names it. Never NULL: with an
 * error (IoError, NotAuthorized) it is empty. `ret_highest`: of all files with a number. */
GPtrArray *incident_directory_load(const char *directory, guint max, guint64 *ret_highest,
                                   GError **error);

/* All of them, for who goes on with them; nothing is removed. `ret_unread`: new array of guint64,
 * the numbers of those that are not understood. Neither is ever NULL. */
GPtrArray *incident_directory_load_all(const char *directory, GArray **ret_unread);

/* The old content or the new one whatever happens to this process; with `durable`, to this host: it
 * is on disk then when this returns. IoError, NotAuthorized. */
gboolean incident_directory_write(const char *directory, const IncidentRecord *record,
                                  gboolean durable, GError **error);

/* No error when there is none. */
gboolean incident_directory_remove(const char *directory, guint64 number, GError **error);
