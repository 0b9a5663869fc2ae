/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the configuration again while the daemon runs. A configuration that is refused changes
 * nothing: what counted goes on to count, all of it.
 */
#pragma once

#include "daemon/service-manager.h"
#include "dbus/bus-service.h"
#include "engine/config-file.h"
#include "engine/engine.h"

typedef struct ConfigReload ConfigReload;

/* As for config_file_load(). `now` is what counts at present, and borrowed for the call; engine and
 * manager are borrowed, and live longer. */
ConfigReload *config_reload_new(BailiffEngine *engine, ServiceManager *manager, const char *path,
                                gboolean optional, const ConfigFile *now);
/* Shows on it which settings count from the next start only; borrowed, and lives as long as
 * something is read. */
void config_reload_set_service(ConfigReload *self, BailiffBusService *service);
/* One that is being read is forgotten. */
void config_reload_free(ConfigReload *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConfigReload, config_reload_free)

/* Reads it, and calls back when it counts or is refused, with the errors of config_file_load() and
 * bailiff_engine_set_failure_defaults(): nothing has changed then. Busy after config_reload_stop().
 * The source object is NULL. */
void config_reload_async(ConfigReload *self, GAsyncReadyCallback callback, gpointer user_data);
gboolean config_reload_finish(ConfigReload *self, GAsyncResult *result, GError **error);

/* The same, for nobody who waits for the outcome. Returns at once: files are read by a thread of
 * its own, since they, or the programs that they name, may lie on storage that hangs. The outcome
 * is logged. While one is being read a further one waits for its turn: what it is to read may have
 * been written after that one was. */
void config_reload_start(ConfigReload *self);

/* Nothing is read any more from now on. */
void config_reload_stop(ConfigReload *self);
