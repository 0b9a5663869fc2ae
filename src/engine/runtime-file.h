/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A small key file in the runtime directory: memory, gone with the boot, but not with the daemon.
 */
#pragma once

#include <glib.h>

/* Writes `directory`/`name` (made if need be), whole or not at all. No fsync: it has to outlive the
 * daemon, not the host. IoError, with `cure` as what to do. */
gboolean runtime_file_write(const char *directory, const char *name, GKeyFile *file,
                            const char *cure, GError **error);
