/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration: a key file, /etc/bailiff/bailiffd.conf as a rule, and the drop-ins beside it,
 * bailiffd.conf.d/?*.conf, in the order of their names. What is read later wins, key by key.
 *
 * A policy is safety: what cannot be understood is refused as a whole, with the place and what to
 * do, rather than passed over.
 */
#pragma once

#include "engine/failure-defaults.h"
#include "watchdog/watchdog.h"

typedef struct ConfigFile {
    int idle_exit;      /* seconds; 0: never; -1: as it is started */
    gboolean real_time; /* memory is locked, and priority taken */
    FailureDefaults *failure_defaults;
    WatchdogKind watchdog; /* none */
    char *watchdog_device;
    char *watchdog_socket;
    guint32 watchdog_timeout; /* seconds */
    char *libvirt_driver;     /* "QEMU" */
    char *libvirt_run_dir;    /* "/run/libvirt/qemu" */
} ConfigFile;

/* What counts when nothing is said. */
ConfigFile *config_file_new(void);

/* What one file says, on top of what it is already; `path` names it in errors. After FALSE it is no
 * configuration: some of the file may have been taken. */
gboolean config_file_take_text(ConfigFile *self, const char *path, const char *text, gsize length,
                               GError **error);

/* Blocks for as long as reading the files takes: for the beginning, before anything depends on the
 * main loop. `optional`: a main file that does not exist is an empty one (drop-ins always are
 * optional). IoError when a file cannot be read, InvalidArgument or PolicyTooLong for what it says.
 */
ConfigFile *config_file_load(const char *path, gboolean optional, GError **error);
void config_file_free(ConfigFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConfigFile, config_file_free)
