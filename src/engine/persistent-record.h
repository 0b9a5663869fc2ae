/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The persistent leases of a lockspace, written down in the runtime directory (which is memory, and
 * gone with the boot): PERSISTENT/LOCKSPACE, a small key file.
 *
 * What a persistent lease protects may be in use though no process is left. To join the lockspace
 * again, after it was lost or by another bailiffd, makes the old holds void for all other hosts. So
 * that is refused as long as one is written down here: until somebody says that all of them are out
 * of use. (held-record.h does the same for processes.) A name is written before the lease is
 * granted, and goes when it was given back on disk, or has become an ordinary one.
 */
#pragma once

#include <glib.h>

/* NULL-terminated names; none removes the file. IoError. */
gboolean persistent_record_write(const char *runtime_dir, const char *lockspace,
                                 const char *const *resources, GError **error);

/* Before the lockspace is joined. Busy, naming them. A record of an earlier boot is void; one that
 * cannot be understood is not. */
gboolean persistent_record_check(const char *runtime_dir, const char *lockspace, GError **error);
