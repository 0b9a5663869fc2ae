/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the command line and the configuration to an engine that has its place.
 *
 * The launcher of programs comes first: it is to have nothing that the engine has. Then memory and
 * priority, before there are threads. Another bailiffd may end for this one: after everything that
 * can fail.
 */
#pragma once

#include <gio/gio.h>

#include "actions/launcher.h"
#include "common/fd-store.h"
#include "daemon/daemon-options.h"
#include "engine/config-file.h"
#include "engine/engine.h"
#include "engine/instance-lock.h"

typedef struct DaemonStart {
    char *runtime_dir;
    const char *config_path; /* of the options, or the usual one */
    gboolean config_optional;
    ConfigFile *configuration; /* as it counts now */
    gboolean misconfigured;    /* that is why it cannot start, and there is nothing to guard */
    Launcher *launcher;
    BailiffEngine *engine;
    InstanceLock *lock; /* the engine's */
} DaemonStart;

/* Blocks. `self`: zero before; to be cleared after it, whether it worked or not. `options`,
 * `store`: outlive it. */
gboolean daemon_start(DaemonStart *self, const DaemonOptions *options, GBusType bus, FdStore *store,
                      GError **error);
void daemon_start_clear(DaemonStart *self);
