/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lease/host-lease-past.h in the runtime directory: PAST/NAME-HOST_ID, one small key file for each
 * host lease that is held, or whose last write has an unknown effect.
 *
 * It is brought up to date with every few renewals, so that a bailiffd which follows one that was
 * killed knows until when nobody else can have taken the sector. That is a few dozen microseconds
 * and no disk.
 */
#pragma once

#include <glib.h>

#include "lease/host-lease-past.h"

/* What an earlier lockspace object or daemon has left; nothing in doubt if there is no file. One
 * that cannot be understood means doubt. */
HostLeasePast lockspace_past_load(const char *runtime_dir, const char *lockspace, guint64 host_id);

/* From when on another host may hold what this one held in `lockspace`, whatever its host id there:
 * the earliest of all that is written down. 0: that is not known. */
guint64 lockspace_past_find_free(const char *runtime_dir, const char *lockspace);

/* Removes the file when nothing is in doubt. IoError. */
gboolean lockspace_past_store(const char *runtime_dir, const char *lockspace, guint64 host_id,
                              const HostLeasePast *past, GError **error);
