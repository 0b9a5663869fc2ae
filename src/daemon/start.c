/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order of the start.
 */
#include "daemon/start.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "common/saved-state.h"
#include "daemon/continuity.h"
#include "daemon/real-time.h"
#include "engine/saved-lockspace.h"
#include "engine/saved-resource.h"
#include "watchdog/watchdog.h"

#define DEFAULT_CONFIG_FILE "/etc/bailiff/bailiffd.conf"
#define DEFAULT_STATE_DIR "/var/lib/bailiff"
#define DEFAULT_RECORDS_DIR "/etc/bailiff/lockspaces.d"

/* --- directories ----------------------------------------------------------------------------- */

/* What was given on the command line; what the service manager says, which may be a list of which
 * ours is the first; the usual place; NULL: none of them. */
static char *choose_directory(const char *given, const char *variable, const char *usual)
{
    const char *list = variable != NULL ? g_getenv(variable) : NULL;

    if (given != NULL)
        return g_canonicalize_filename(given, NULL);
    if (list != NULL && *list != '\0')
        return g_strndup(list, strcspn(list, ":"));
    return geteuid() == 0 ? g_strdup(usual) : NULL;
}

/* The main loop writes there what is held: on memory that takes no time. On a disk that hangs it
 * would hold up every deadline but those of the last kill and the watchdog. */
static void tell_slow_directory(const char *runtime_dir)
{
    struct statfs facts;

    if (statfs(runtime_dir, &facts) == 0 && facts.f_type != TMPFS_MAGIC &&
        facts.f_type != RAMFS_MAGIC)
        log_line(
            LOG_WARNING, NULL,
            "The runtime directory %s is not in memory (tmpfs): bailiffd stands still whenever "
            "its storage does, and what is written down there outlasts the boot. Name a "
            "directory in /run with --runtime-dir.",
            runtime_dir);
}

static gboolean make_runtime_dir(const char *runtime_dir, GError **error)
{
    if (runtime_dir == NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Give one with --runtime-dir, or run bailiffd as root.",
                          "There is no directory to write held leases down in.");
        return FALSE;
    }
    if (mkdir(runtime_dir, 0755) < 0 && errno != EEXIST) {
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                          "Make it, or name another one with --runtime-dir.",
                          "The directory %s cannot be made: %s.", runtime_dir, g_strerror(errno));
        return FALSE;
    }
    tell_slow_directory(runtime_dir);
    return TRUE;
}

/* --- the engine ------------------------------------------------------------------------------ */

/* Leases count also where their lockspace is written down no more. */
static gboolean is_any_lease_held(const char *runtime_dir)
{
    g_auto(GStrv) lockspaces = saved_resources_list_lockspaces(runtime_dir);

    for (guint i = 0; lockspaces[i] != NULL; i++) {
        g_auto(GStrv) names = saved_resources_list(runtime_dir, lockspaces[i]);

        if (names[0] != NULL || !saved_resources_can_be_listed(runtime_dir, lockspaces[i]))
            return TRUE;
    }
    return FALSE;
}

/* What cannot be looked at may be anything. */
static gboolean is_anything_held(const char *runtime_dir)
{
    g_auto(GStrv) held = runtime_dir != NULL ? saved_lockspaces_list(runtime_dir) : NULL;

    return runtime_dir != NULL &&
           (held[0] != NULL || !saved_lockspaces_can_be_listed(runtime_dir) ||
            is_any_lease_held(runtime_dir));
}

/* One that is refused ends a first start. One that follows another would leave that one's leases to
 * nobody: it goes on with what is built in, and with the watchdog that is kept (keep_watchdog()),
 * unless that one is still there (*ret_refused). */
static ConfigFile *load_configuration(const char *path, gboolean optional, const char *runtime_dir,
                                      GError **ret_refused, GError **error)
{
    g_autoptr(GError) local = NULL;
    ConfigFile *file = config_file_load(path, optional, &local);

    if (file == NULL && is_anything_held(runtime_dir)) {
        file = config_file_load("/dev/null", TRUE, NULL);
        *ret_refused = g_steal_pointer(&local);
    }
    if (file == NULL)
        g_propagate_error(error, g_steal_pointer(&local));
    return file;
}

/* The watchdog of an earlier bailiffd stands behind what that has held. That the configuration does
 * not say so any more is no reason to stop it when nobody can tell what it says. */
static void keep_watchdog(ConfigFile *configuration, FdStore *store)
{
    char *device = fd_store_find_path(store, WATCHDOG_DEVICE_DESCRIPTOR);

    if (device == NULL)
        return;
    g_free(configuration->watchdog_device);
    configuration->watchdog_device = device;
    configuration->watchdog = WATCHDOG_DEVICE;
}

static BailiffEngine *prepare_engine(const DaemonStart *self, const DaemonOptions *options,
                                     FdStore *store, GError **error)
{
    const ConfigFile *file = self->configuration;
    g_autofree char *state_dir =
        choose_directory(options->state_dir, "STATE_DIRECTORY", DEFAULT_STATE_DIR);
    g_autofree char *records_dir =
        choose_directory(options->records_dir, NULL, DEFAULT_RECORDS_DIR);
    const WatchdogConfig watchdog = {
        .kind = file->watchdog,
        .device = file->watchdog_device,
        .socket = file->watchdog_socket,
        .timeout = file->watchdog_timeout,
    };
    const BailiffEngineConfig config = {
        .host_name = options->host_name,
        .runtime_dir = self->runtime_dir,
        .libvirt_driver = file->libvirt_driver,
        .libvirt_run_dir = file->libvirt_run_dir,
        .failure_defaults = file->failure_defaults,
        .state_dir = state_dir,
        .records_dir = records_dir,
        .watchdog = &watchdog,
        .fd_store = store,
        .launcher = self->launcher,
    };

    return bailiff_engine_prepare(&config, error);
}

gboolean daemon_start(DaemonStart *self, const DaemonOptions *options, GBusType bus, FdStore *store,
                      GError **error)
{
    g_autoptr(GError) refused = NULL;

    self->config_path = options->config != NULL ? options->config : DEFAULT_CONFIG_FILE;
    self->config_optional = options->config == NULL;
    self->runtime_dir =
        choose_directory(options->runtime_dir, "RUNTIME_DIRECTORY", SAVED_STATE_USUAL_DIRECTORY);
    self->configuration = load_configuration(self->config_path, self->config_optional,
                                             self->runtime_dir, &refused, error);
    self->misconfigured = self->configuration == NULL;
    if (self->misconfigured || !make_runtime_dir(self->runtime_dir, error))
        return FALSE;
    if (refused != NULL)
        keep_watchdog(self->configuration, store);
    g_autofree char *given_launcher = continuity_take_launcher();
    self->launcher = launcher_new_given(given_launcher, error);
    if (self->launcher == NULL)
        return FALSE;
    real_time_begin(self->configuration->real_time);
    self->engine = prepare_engine(self, options, store, error);
    if (self->engine == NULL)
        return FALSE;
    const ContinuityWish wish = {
        .runtime_dir = self->runtime_dir,
        .replace = options->replace,
        .bus = bus,
        .engine = self->engine,
        .unfit = refused,
    };
    self->lock = continuity_take_place(&wish, error);
    if (self->lock == NULL)
        return FALSE;
    /* Not before: where another one runs nothing is taken over. */
    if (refused != NULL)
        log_message(MESSAGE_CONFIGURATION_REFUSED, NULL,
                    "What an earlier bailiffd holds is taken over with the built-in configuration: "
                    "%s",
                    refused->message);
    bailiff_engine_begin(self->engine, self->lock);
    launcher_end_adoption(self->launcher);
    return TRUE;
}

void daemon_start_clear(DaemonStart *self)
{
    g_clear_object(&self->engine);
    g_clear_pointer(&self->launcher, launcher_free);
    g_clear_pointer(&self->configuration, config_file_free);
    g_clear_pointer(&self->runtime_dir, g_free);
}
