/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a lockspace record says: how a lockspace is joined, and whether by itself. As a struct, and
 * as the text of its file:
 *
 *   [Lockspace]
 *   Name=vg0
 *   Path=/dev/vg0/leases
 *   Offset=0
 *   HostId=auto
 *   IoTimeout=10
 *   Startup=automatic
 *
 * HostId=auto has two more keys, which bailiffd writes: ChosenHostId, the host id that it chose,
 * and ChosenOn, the host that it was chosen on. A copy of the file on another host means nothing
 * there.
 *
 * The file is hostile until it is checked: what is not understood is refused as a whole, with the
 * line.
 */
#pragma once

#include <glib.h>

/* Far more than any record has, bytes. */
#define LOCKSPACE_SETTINGS_FILE_MAX 16384

typedef struct LockspaceSettings {
    char *name;
    char *path;
    guint64 offset;
    guint64 host_id;        /* 0: auto */
    guint32 io_timeout;     /* seconds; 0: the default */
    gboolean automatic;     /* joined when bailiffd starts */
    guint64 chosen_host_id; /* with auto; 0: none yet */
    char *chosen_on;        /* bailiff_host_key() of the host; NULL: none yet */
} LockspaceSettings;

LockspaceSettings *lockspace_settings_copy(const LockspaceSettings *self);
void lockspace_settings_free(LockspaceSettings *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LockspaceSettings, lockspace_settings_free)

gboolean lockspace_settings_equal(const LockspaceSettings *a, const LockspaceSettings *b);

/* Can these be kept and read again as they are? InvalidArgument. */
gboolean lockspace_settings_check(const LockspaceSettings *self, GError **error);

/* As a file: `text` is its content, `path` its name in errors, `name` what the lockspace must be
 * called, after the name of the file. NULL with InvalidArgument. */
LockspaceSettings *lockspace_settings_parse(const char *path, const char *name, const char *text,
                                            gsize length, GError **error);
char *lockspace_settings_print(const LockspaceSettings *self);

/* "automatic", "manual". */
const char *lockspace_startup_name(gboolean automatic);
/* InvalidArgument when it is neither. */
gboolean lockspace_startup_from_name(const char *name, gboolean *ret_automatic, GError **error);
