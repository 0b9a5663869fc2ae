/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The model that front ends show: everything that this host has joined and registered.
 *
 * All objects of this layer belong to the main loop's thread (the default main context). None of
 * their functions blocks; what needs storage is asynchronous and runs on the lease workers. Every
 * GObject property notifies after the whole state is consistent.
 *
 * Ownership: an engine owns its lockspaces and registrations, a lockspace owns its hosts and
 * resources; who is handed one takes a reference if it wants to keep it.
 */
#pragma once

#include <gio/gio.h>

#include "actions/launcher.h"
#include "common/fd-store.h"
#include "engine/failure-defaults.h"
#include "engine/incident-log.h"
#include "engine/instance-lock.h"
#include "failure/failure-policy.h"
#include "watchdog/watchdog.h"

typedef struct _BailiffLockspace BailiffLockspace;
typedef struct _BailiffRegistration BailiffRegistration;
typedef struct _BailiffResource BailiffResource;
typedef struct _BailiffHost BailiffHost;
typedef struct _BailiffRecords BailiffRecords;

/*
 * Signals, each with the object as its only argument:
 *   lockspace-added, lockspace-removed        BailiffLockspace
 *   registration-added, registration-removed  BailiffRegistration
 * -removed is emitted when the object is no longer to be found, while it is still whole.
 */
#define BAILIFF_TYPE_ENGINE (bailiff_engine_get_type())
G_DECLARE_FINAL_TYPE(BailiffEngine, bailiff_engine, BAILIFF, ENGINE, GObject)

typedef struct BailiffEngineConfig {
    const char *host_name;       /* NULL: made of the machine id and the host's name */
    const char *runtime_dir;     /* absolute; where held leases are written down; must exist */
    const char *libvirt_driver;  /* see actions/libvirt.h; NULL: "QEMU" */
    const char *libvirt_run_dir; /* NULL: "/run/libvirt/qemu" */
    /* Policies of registrations that have none of their own; NULL: the built-in ones. The engine
     * takes a reference. */
    FailureDefaults *failure_defaults;
    const char *state_dir;          /* where incidents are kept across restarts; NULL: nowhere */
    const char *records_dir;        /* where lockspace records are; NULL: there are none */
    const WatchdogConfig *watchdog; /* NULL: none */
    FdStore *fd_store;  /* lives longer than the engine; NULL: nothing is kept or given */
    InstanceLock *lock; /* taken over; NULL: the engine makes it */
    Launcher *launcher; /* lives longer than the engine; NULL: `exec` steps fail */
} BailiffEngineConfig;

/* InvalidArgument when the host name is none, IoError when the machine id or the runtime directory
 * cannot be used. */
BailiffEngine *bailiff_engine_new(const BailiffEngineConfig *config, GError **error);

/* The same in two steps, for one that is to take the place of a daemon that runs: everything that
 * can fail, which touches nothing of that one's (`lock` is not looked at); and, when that one has
 * gone, what is left. `lock` is taken over. Until then nothing else of the engine may be used but
 * the following. */
BailiffEngine *bailiff_engine_prepare(const BailiffEngineConfig *config, GError **error);
void bailiff_engine_begin(BailiffEngine *self, InstanceLock *lock);
/* Whether this engine could go on with what the one that runs has written down. The errors of
 * succession_check(). */
gboolean bailiff_engine_check_succession(BailiffEngine *self, GError **error);

/* The policies of registrations that have none of their own are others from now on; a reference is
 * taken. All or nothing: FALSE with an error when the last kill cannot be prepared for them.
 * Policies that are being walked stay what they are. */
gboolean bailiff_engine_set_failure_defaults(BailiffEngine *self, FailureDefaults *defaults,
                                             GError **error);

/* The bus on which systemd, logind and libvirt-dbus are reached; NULL while there is none. */
void bailiff_engine_set_bus(BailiffEngine *self, GDBusConnection *bus);
/* Until it is there: a step that fails for want of it is asked for again then, within its grace.
 * For who goes on with what another daemon has begun, and for who leaves that to another one. */
void bailiff_engine_await_bus(BailiffEngine *self);

const char *bailiff_engine_get_host_name(BailiffEngine *self);
/* "disarmed" (there is none), "idle" (nothing to guard), "armed", "firing", "failed". Also the
 * property watchdog-state, which notifies. */
const char *bailiff_engine_get_watchdog_state(BailiffEngine *self);
/* What stands behind the leases, or why nothing does ("cause\ncure"). Borrowed until the next
 * change.
 */
const char *bailiff_engine_get_watchdog_description(BailiffEngine *self);
/* What a program that is executed instead of this one has to be given, so that it feeds on, is in
 * the store of descriptors. From then on nothing is fed, until it is taken back. */
void bailiff_engine_give_watchdog(BailiffEngine *self);
void bailiff_engine_take_watchdog_back(BailiffEngine *self);
/* Whether another process may take this one's place: one with this setting for its watchdog (NULL:
 * it does not say). Unsupported, InvalidArgument. */
gboolean bailiff_engine_check_hand_over(BailiffEngine *self, const char *watchdog, GError **error);
/* `watchdog` of the former, for the one that asks. Borrowed. */
const char *bailiff_engine_get_watchdog_setting(BailiffEngine *self);

/* Lockspaces that an earlier daemon had joined and of which nothing can be read, as long as
 * somebody may use leases there: names, NULL-terminated, owned. The engine's property
 * forsaken-lockspaces notifies. */
char **bailiff_engine_list_forsaken(BailiffEngine *self);
/* Registrations that may, one that cannot be read counted too. */
guint bailiff_engine_count_forsaken_users(BailiffEngine *self);

/* What leases were lost here, by this daemon and those before it. Borrowed. */
BailiffIncidentLog *bailiff_engine_get_incidents(BailiffEngine *self);

/* The lockspace records (records.h). Borrowed. */
BailiffRecords *bailiff_engine_get_records(BailiffEngine *self);

/* FALSE with IoError: the runtime directory is another one than the one that is locked, and what is
 * written down there protects nothing. The log tells it once. */
gboolean bailiff_engine_check_runtime_dir(BailiffEngine *self, GError **error);

/* Busy as long as an earlier daemon, which was killed, may still write to its storage. */
gboolean bailiff_engine_check_predecessor_gone(BailiffEngine *self, GError **error);

/* How everything is doing, as OpenMetrics text; free it. */
char *bailiff_engine_print_metrics(BailiffEngine *self);

/* Borrowed; NULL when there is none. */
BailiffLockspace *bailiff_engine_find_lockspace(BailiffEngine *self, const char *name);
BailiffRegistration *bailiff_engine_find_registration(BailiffEngine *self, guint64 id);
/* (element-type BailiffLockspace/BailiffRegistration) new arrays with references. */
GPtrArray *bailiff_engine_list_lockspaces(BailiffEngine *self);
GPtrArray *bailiff_engine_list_registrations(BailiffEngine *self);

/* What can be said of an area; strings are borrowed for the call. */
typedef struct BailiffFormat {
    const char *path;
    guint64 offset;
    const char *lockspace_name;
    const char *resource_name; /* NULL: format the lockspace itself */
    guint32 sector_size;       /* 0: as the device says */
    guint32 align_size;        /* 0: the usual one */
    guint32 io_timeout;        /* lockspace only, seconds; 0: the default */
    guint32 max_hosts;         /* resource only; 0: as many as fit */
    gboolean overwrite;
} BailiffFormat;

void bailiff_engine_format_async(BailiffEngine *self, const BailiffFormat *format,
                                 GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_engine_format_finish(BailiffEngine *self, GAsyncResult *result, GError **error);

typedef enum BailiffAreaKind {
    BAILIFF_AREA_LOCKSPACE,
    BAILIFF_AREA_RESOURCE,
    BAILIFF_AREA_INDEX,
} BailiffAreaKind;

/* The dictionaries that Manager.InspectLockspace(), InspectResource() and InspectIndex() document
 * (a{sv}, full reference). */
void bailiff_engine_inspect_async(BailiffEngine *self, const char *path, guint64 offset,
                                  BailiffAreaKind kind, GAsyncReadyCallback callback,
                                  gpointer user_data);
GVariant *bailiff_engine_inspect_finish(BailiffEngine *self, GAsyncResult *result, GError **error);

/* What is joined; strings are borrowed for the call. */
typedef struct BailiffJoin {
    const char *name;
    const char *path;
    guint64 offset;
    guint64 host_id;      /* 0: bailiffd chooses (lease/host-id-choice.h) */
    guint64 kept_host_id; /* where it chooses: the one that it chose before; 0: none */
    guint32 io_timeout;   /* seconds; 0: the default */
    gboolean is_retried;  /* whoever joins tells by himself why it did not work */
} BailiffJoin;

/* Can these be right at all? InvalidArgument. */
gboolean bailiff_join_check(const BailiffJoin *join, GError **error);

/* Would it be joined now? The errors of bailiff_engine_join_as(). */
gboolean bailiff_engine_check_join(BailiffEngine *self, const BailiffJoin *join, GError **error);

/* Borrowed object in state joining, or NULL with AlreadyExists, InvalidArgument, Busy. A lockspace
 * of this name that is lost is replaced. */
BailiffLockspace *bailiff_engine_join_as(BailiffEngine *self, const BailiffJoin *join,
                                         GError **error);
/* The same in few words. */
BailiffLockspace *bailiff_engine_join(BailiffEngine *self, const char *name, const char *path,
                                      guint64 offset, guint64 host_id, guint32 io_timeout,
                                      GError **error);

/* Nothing on this host uses what persistent leases were left behind for in this lockspace: they are
 * no reason any more not to join it (Busy). IoError. */
gboolean bailiff_engine_forget_orphans(BailiffEngine *self, const char *lockspace, GError **error);

/*
 * Registering. The result is borrowed. `owner_uid`: the user who registers; programs of its failure
 * policy run as that user. policy NULL: the default. Busy when the daemon is shutting down;
 * InvalidArgument, PolicyTooLong, Unsupported when name or policy are no good; IoError when it
 * cannot be written down.
 */

/* `pidfd` is taken over, also where it fails. */
BailiffRegistration *bailiff_engine_register_process(BailiffEngine *self, int pidfd,
                                                     const char *name, gboolean descendants,
                                                     uid_t owner_uid, const FailurePolicy *policy,
                                                     GError **error);
/* start_time 0: not checked. */
BailiffRegistration *bailiff_engine_register_pid(BailiffEngine *self, pid_t pid, guint64 start_time,
                                                 const char *name, gboolean descendants,
                                                 uid_t owner_uid, const FailurePolicy *policy,
                                                 GError **error);

/* name NULL: made of the unit's. Errors also as those of bailiff_unit_target_new_async(), and
 * AlreadyExists when the unit is registered. */
void bailiff_engine_register_unit_async(BailiffEngine *self, const char *unit, const char *name,
                                        uid_t owner_uid, const FailurePolicy *policy,
                                        GCancellable *cancellable, GAsyncReadyCallback callback,
                                        gpointer user_data);
BailiffRegistration *bailiff_engine_register_unit_finish(BailiffEngine *self, GAsyncResult *result,
                                                         GError **error);

/* `domain_name`: the name that libvirt knows it by, when it cannot be asked (its hooks run while it
 * holds the domain); NULL: libvirt is asked, with the errors of bailiff_libvirt_look_up_async().
 * AlreadyExists when the domain is registered. `name` as for a unit. */
void bailiff_engine_register_domain_async(BailiffEngine *self, const char *uuid,
                                          const char *domain_name, const char *name,
                                          uid_t owner_uid, const FailurePolicy *policy,
                                          GCancellable *cancellable, GAsyncReadyCallback callback,
                                          gpointer user_data);
BailiffRegistration *bailiff_engine_register_domain_finish(BailiffEngine *self,
                                                           GAsyncResult *result, GError **error);

/* Nothing would be missed if this daemon were not there: no lockspace or registration, nothing that
 * an earlier daemon has left, no incident that goes on or is told nowhere else. */
gboolean bailiff_engine_is_idle(BailiffEngine *self);

/* The end of the daemon, in order: walks the failure policies of every registration that holds
 * leases, gives leases back, leaves every lockspace, and calls back; at the latest when nothing
 * more can be done about storage that does not answer. New work is refused (Busy) from now on. */
void bailiff_engine_shut_down_async(BailiffEngine *self, GAsyncReadyCallback callback,
                                    gpointer user_data);
gboolean bailiff_engine_shut_down_finish(BailiffEngine *self, GAsyncResult *result, GError **error);
