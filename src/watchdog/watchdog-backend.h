/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the thread that feeds does with a kind of watchdog. All calls come from that thread, or when
 * it does not run.
 */
#pragma once

#include <glib.h>

#include "common/fd-store.h"

/* Lockspaces at a time; as many as the last kill has lines for. */
#define WATCHDOG_MAX_GUARDS 4096u

/* An entry as the thread knows it. */
typedef struct WatchdogEntry {
    gboolean is_used;
    char *lockspace;
    guint32 io_timeout;
    guint64 fail_us; /* TIME_NEVER: no deadline yet, or safe */
} WatchdogEntry;

typedef struct WatchdogBackend WatchdogBackend;

typedef struct WatchdogBackendClass {
    /* One more entry is about to be used. FALSE with an error: it cannot be guarded. */
    gboolean (*guard)(WatchdogBackend *self, guint entry, GError **error);
    /* The entry is safe. */
    void (*release)(WatchdogBackend *self, guint entry);
    /* As the deadlines of all entries are now; *ret_next_us: when to look again at the latest.
     * FALSE with an error when it could not be fed: it is tried again. */
    gboolean (*feed)(WatchdogBackend *self, guint64 *ret_next_us, GError **error);
    /* What was fed for this entry has arrived. */
    gboolean (*confirm)(WatchdogBackend *self, guint entry, GError **error);
    /* Nothing is guarded any more. */
    gboolean (*disarm)(WatchdogBackend *self, GError **error);
    /* What was adopted and is not guarded with by now is not needed: disarm it. */
    void (*settle)(WatchdogBackend *self);
    /* NULL while it does not run; owned. */
    char *(*describe)(WatchdogBackend *self);
    /* Adds (name, fd) to an array of WatchdogDescriptor. */
    void (*list)(WatchdogBackend *self, GPtrArray *descriptors);
    /* Takes over `fd`; FALSE: it is not of this kind. */
    gboolean (*adopt)(WatchdogBackend *self, const char *name, int fd);
    /* Closes what is open, as it is: armed, if it is not disarmed. `keep`: leaves it open. */
    void (*free)(WatchdogBackend *self, gboolean keep);
} WatchdogBackendClass;

struct WatchdogBackend {
    const WatchdogBackendClass *class;
    const WatchdogEntry *entries; /* WATCHDOG_MAX_GUARDS */
    const guint *n_entries;       /* those from here on were never used */
};

/* `store` may be NULL. */
WatchdogBackend *watchdog_device_new(const char *path, guint32 timeout, FdStore *store);
/* An adopted device that is not used any more, if it is one at all: stops and closes it. */
void watchdog_device_disarm(int fd, FdStore *store);
WatchdogBackend *watchdog_wdmd_new(const char *socket_path);

/* See watchdog_look(). */
gboolean watchdog_device_look(const char *path, GError **error);
gboolean watchdog_wdmd_look(const char *socket_path, GError **error);

/* See watchdog_check_io_timeout(). */
gboolean watchdog_wdmd_check_io_timeout(guint32 io_timeout, char **ret_warning, GError **error);
/* An adopted connection that nothing is guarded with any more; closes it. */
void watchdog_wdmd_disarm(int fd);

/* For watchdog_hand_over(). */
void watchdog_add_descriptor(GPtrArray *descriptors, const char *name, int fd);
