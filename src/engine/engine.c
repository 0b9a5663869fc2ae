/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine: what there is, by name and number.
 */
#include "engine/engine-private.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fixed-name.h"
#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "engine/descriptor-budget.h"
#include "engine/forsaken.h"
#include "engine/host-name.h"
#include "engine/last-kill.h"
#include "engine/incident-recorder.h"
#include "engine/instance-lock.h"
#include "engine/metrics.h"
#include "engine/lockspace-lease.h"
#include "engine/lockspace-private.h"
#include "engine/name-error.h"
#include "engine/persistent-record.h"
#include "engine/process-store.h"
#include "engine/records.h"
#include "engine/registration-numbers.h"
#include "engine/registration-private.h"
#include "engine/rejoin.h"
#include "engine/storage-claims.h"
#include "engine/succession-check.h"
#include "engine/succession.h"
#include "lease/lease-timing.h"

struct _BailiffEngine {
    GObject parent_instance;

    char *host_name;
    char *runtime_dir;
    VoidRecords *void_records;
    char *state_dir;   /* NULL: incidents are not kept */
    char *records_dir; /* NULL: there are none */
    FailureDefaults *failure_defaults;
    guint64 first_id; /* registrations of this daemon's life have this id or a higher one */
    RegistrationNumbers *numbers;
    GHashTable *lockspaces;    /* name -> BailiffLockspace */
    GHashTable *registrations; /* guint64* -> BailiffRegistration */
    BailiffIncidentLog *incidents;
    BailiffIncidentRecorder *recorder;
    BailiffMetrics *metrics;
    BailiffRecords *records;
    StorageClaims *claims; /* ranges that are being formatted */
    ActionServices services;
    KillGuard *kill_guard;
    guint64 last_kills_told;
    EngineWatchdog *watchdog;
    FdStore *fd_store;
    ProcessStore *process_store;
    Rejoin *rejoin;
    Forsaken *forsaken;
    Succession *succession;
    InstanceLock *lock;
    gboolean told_misplaced; /* its file */
    gboolean shutting_down;
};

G_DEFINE_TYPE(BailiffEngine, bailiff_engine, G_TYPE_OBJECT)

enum {
    SIGNAL_LOCKSPACE_ADDED,
    SIGNAL_LOCKSPACE_REMOVED,
    SIGNAL_REGISTRATION_ADDED,
    SIGNAL_REGISTRATION_REMOVED,
    N_SIGNALS,
};

static guint signals[N_SIGNALS];

enum {
    PROP_WATCHDOG_STATE = 1,
    PROP_FORSAKEN_LOCKSPACES,
};

static void bailiff_engine_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    if (id == PROP_WATCHDOG_STATE)
        g_value_set_string(value, bailiff_engine_get_watchdog_state(BAILIFF_ENGINE(object)));
    else if (id == PROP_FORSAKEN_LOCKSPACES)
        g_value_take_boxed(value, bailiff_engine_list_forsaken(BAILIFF_ENGINE(object)));
    else
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void bailiff_engine_finalize(GObject *object)
{
    BailiffEngine *self = BAILIFF_ENGINE(object);

    g_clear_pointer(&self->succession, succession_free);
    g_clear_pointer(&self->forsaken, forsaken_free);
    g_clear_pointer(&self->process_store, process_store_free);
    rejoin_free(self->rejoin);
    if (self->records != NULL)
        bailiff_records_close(self->records);
    g_clear_object(&self->records);
    g_clear_object(&self->metrics);
    g_clear_object(&self->recorder);
    g_clear_object(&self->incidents);
    engine_watchdog_free(self->watchdog);
    g_hash_table_unref(self->lockspaces);
    g_hash_table_unref(self->registrations);
    kill_guard_free(self->kill_guard);
    action_services_clear(&self->services);
    storage_claims_free(self->claims);
    /* While no other daemon writes there. */
    g_clear_pointer(&self->void_records, void_records_free);
    g_clear_pointer(&self->lock, instance_lock_free);
    g_clear_pointer(&self->numbers, registration_numbers_free);
    g_free(self->host_name);
    g_free(self->runtime_dir);
    g_free(self->state_dir);
    g_free(self->records_dir);
    failure_defaults_unref(self->failure_defaults);
    G_OBJECT_CLASS(bailiff_engine_parent_class)->finalize(object);
}

static void bailiff_engine_class_init(BailiffEngineClass *klass)
{
    static const char *const names[N_SIGNALS] = {
        [SIGNAL_LOCKSPACE_ADDED] = "lockspace-added",
        [SIGNAL_LOCKSPACE_REMOVED] = "lockspace-removed",
        [SIGNAL_REGISTRATION_ADDED] = "registration-added",
        [SIGNAL_REGISTRATION_REMOVED] = "registration-removed",
    };

    G_OBJECT_CLASS(klass)->finalize = bailiff_engine_finalize;
    G_OBJECT_CLASS(klass)->get_property = bailiff_engine_get_property;
    g_object_class_install_property(G_OBJECT_CLASS(klass), PROP_WATCHDOG_STATE,
                                    g_param_spec_string("watchdog-state", NULL, NULL, NULL,
                                                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
    g_object_class_install_property(G_OBJECT_CLASS(klass), PROP_FORSAKEN_LOCKSPACES,
                                    g_param_spec_boxed("forsaken-lockspaces", NULL, NULL,
                                                       G_TYPE_STRV,
                                                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
    for (guint i = 0; i < N_SIGNALS; i++)
        signals[i] = g_signal_new(names[i], G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL,
                                  NULL, NULL, G_TYPE_NONE, 1, G_TYPE_OBJECT);
}

static void bailiff_engine_init(BailiffEngine *self)
{
    self->rejoin = rejoin_new(self);
    self->claims = storage_claims_new();
    self->lockspaces = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_object_unref);
    self->registrations =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_object_unref);
}

/* A daemon that was killed with I/O out to storage that hangs does not end before the storage
 * answers, and its writes may land until then; it keeps its lock as long. Asked at each join and
 * not at the start, so that its successor is there to say so. */
gboolean bailiff_engine_check_predecessor_gone(BailiffEngine *self, GError **error)
{
    if (instance_lock_take(self->lock))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                      "Wait until that process is gone (its storage may have to answer first).",
                      "Another bailiffd still uses the runtime directory %s.", self->runtime_dir);
    return FALSE;
}

BailiffEngine *bailiff_engine_prepare(const BailiffEngineConfig *config, GError **error)
{
    g_autoptr(BailiffEngine) self = g_object_new(BAILIFF_TYPE_ENGINE, NULL);
    struct stat facts;

    self->host_name =
        config->host_name != NULL ? g_strdup(config->host_name) : bailiff_host_name_default(error);
    if (self->host_name == NULL ||
        !bailiff_check_name("host", self->host_name, HOST_NAME_MAX_LENGTH, error))
        return NULL;
    self->runtime_dir = g_strdup(config->runtime_dir);
    self->failure_defaults = config->failure_defaults != NULL
                                 ? failure_defaults_ref(config->failure_defaults)
                                 : failure_defaults_new();
    if (stat(self->runtime_dir, &facts) != 0 || !S_ISDIR(facts.st_mode)) {
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                          "Make the directory, or name another one with --runtime-dir.",
                          "The runtime directory %s cannot be used.", self->runtime_dir);
        return NULL;
    }
    self->state_dir = g_strdup(config->state_dir);
    self->records_dir = g_strdup(config->records_dir);
    self->fd_store = config->fd_store;
    self->kill_guard = kill_guard_new(error);
    if (self->kill_guard == NULL)
        return NULL;
    self->watchdog = engine_watchdog_new(G_OBJECT(self), config->watchdog, config->fd_store, error);
    if (self->watchdog == NULL)
        return NULL;
    action_services_init(&self->services, config->libvirt_driver, config->libvirt_run_dir,
                         config->launcher);
    return g_steal_pointer(&self);
}

void bailiff_engine_begin(BailiffEngine *self, InstanceLock *lock)
{
    self->lock = lock;
    self->void_records = void_records_new(self->runtime_dir);
    self->numbers =
        registration_numbers_new(self->runtime_dir, held_records_highest_id(self->runtime_dir));
    self->first_id = registration_numbers_peek(self->numbers);
    self->incidents = bailiff_incident_log_new(self->state_dir);
    self->recorder = bailiff_incident_recorder_new(self, self->incidents);
    self->metrics = bailiff_metrics_new(self);
    self->records = bailiff_records_new(self, self->records_dir);
    self->process_store = process_store_new(self, self->fd_store);
    engine_watchdog_inherit(self->watchdog);
    self->forsaken = forsaken_new(self);
    self->succession = succession_new(self);
    engine_watchdog_inherited(self->watchdog);
    if (self->fd_store != NULL)
        fd_store_settle(self->fd_store);
}

BailiffEngine *bailiff_engine_new(const BailiffEngineConfig *config, GError **error)
{
    g_autoptr(BailiffEngine) self = bailiff_engine_prepare(config, error);
    InstanceLock *lock;

    if (self == NULL)
        return NULL;
    lock = config->lock != NULL ? config->lock : instance_lock_new(self->runtime_dir, error);
    if (lock == NULL)
        return NULL;
    bailiff_engine_begin(self, lock);
    return g_steal_pointer(&self);
}

gboolean bailiff_engine_check_succession(BailiffEngine *self, GError **error)
{
    return succession_check(self->runtime_dir, self->host_name, error);
}

BailiffIncidentRecorder *bailiff_engine_get_recorder(BailiffEngine *self)
{
    return self->recorder;
}

BailiffIncidentLog *bailiff_engine_get_incidents(BailiffEngine *self)
{
    return self->incidents;
}

BailiffRecords *bailiff_engine_get_records(BailiffEngine *self)
{
    return self->records;
}

char *bailiff_engine_print_metrics(BailiffEngine *self)
{
    return bailiff_metrics_print(self->metrics);
}

const char *bailiff_engine_get_host_name(BailiffEngine *self)
{
    return self->host_name;
}

const char *bailiff_engine_get_watchdog_state(BailiffEngine *self)
{
    return engine_watchdog_get_state(self->watchdog);
}

const char *bailiff_engine_get_watchdog_description(BailiffEngine *self)
{
    return engine_watchdog_get_description(self->watchdog);
}

void bailiff_engine_give_watchdog(BailiffEngine *self)
{
    engine_watchdog_give(self->watchdog);
}

void bailiff_engine_take_watchdog_back(BailiffEngine *self)
{
    engine_watchdog_take_back(self->watchdog);
}

gboolean bailiff_engine_check_hand_over(BailiffEngine *self, const char *watchdog, GError **error)
{
    return bailiff_engine_check_runtime_dir(self, error) &&
           engine_watchdog_check_hand_over(self->watchdog, error) &&
           (watchdog == NULL || engine_watchdog_check_setting(self->watchdog, watchdog, error));
}

const char *bailiff_engine_get_watchdog_setting(BailiffEngine *self)
{
    return engine_watchdog_get_setting(self->watchdog);
}

EngineWatchdog *bailiff_engine_get_watchdog(BailiffEngine *self)
{
    return self->watchdog;
}

Forsaken *bailiff_engine_get_forsaken(BailiffEngine *self)
{
    return self->forsaken;
}

void bailiff_engine_forsaken_changed(BailiffEngine *self)
{
    g_object_notify(G_OBJECT(self), "forsaken-lockspaces");
}

char **bailiff_engine_list_forsaken(BailiffEngine *self)
{
    return forsaken_list(self->forsaken);
}

guint bailiff_engine_count_forsaken_users(BailiffEngine *self)
{
    return forsaken_count_users(self->forsaken);
}

FdStore *bailiff_engine_get_fd_store(BailiffEngine *self)
{
    return self->fd_store;
}

FailureDefaults *bailiff_engine_get_failure_defaults(BailiffEngine *self)
{
    return self->failure_defaults;
}

gboolean bailiff_engine_set_failure_defaults(BailiffEngine *self, FailureDefaults *defaults,
                                             GError **error)
{
    g_autoptr(GPtrArray) registrations = bailiff_engine_list_registrations(self);
    guint n_taken = 0;

    while (n_taken < registrations->len &&
           bailiff_registration_take_defaults(registrations->pdata[n_taken], defaults, error))
        n_taken++;
    if (n_taken < registrations->len) {
        /* What the old ones needed of the guard is free again. */
        while (n_taken > 0)
            (void)bailiff_registration_take_defaults(registrations->pdata[--n_taken],
                                                     self->failure_defaults, NULL);
        return FALSE;
    }
    failure_defaults_unref(self->failure_defaults);
    self->failure_defaults = failure_defaults_ref(defaults);
    return TRUE;
}

guint64 bailiff_engine_get_first_id(BailiffEngine *self)
{
    return self->first_id;
}

const char *bailiff_engine_get_runtime_dir(BailiffEngine *self)
{
    return self->runtime_dir;
}

VoidRecords *bailiff_engine_get_void_records(BailiffEngine *self)
{
    return self->void_records;
}

StorageClaims *bailiff_engine_get_claims(BailiffEngine *self)
{
    return self->claims;
}

KillGuard *bailiff_engine_get_kill_guard(BailiffEngine *self)
{
    return self->kill_guard;
}

const ActionServices *bailiff_engine_get_services(BailiffEngine *self)
{
    return &self->services;
}

void bailiff_engine_set_bus(BailiffEngine *self, GDBusConnection *bus)
{
    g_autoptr(GPtrArray) registrations = bailiff_engine_list_registrations(self);

    action_services_set_bus(&self->services, bus);
    for (guint i = 0; bus != NULL && i < registrations->len; i++)
        bailiff_registration_bus_came(registrations->pdata[i]);
}

void bailiff_engine_await_bus(BailiffEngine *self)
{
    self->services.bus_is_awaited = TRUE;
}

void bailiff_engine_begin_to_shut_down(BailiffEngine *self)
{
    self->shutting_down = TRUE;
}

gboolean bailiff_engine_is_shutting_down(BailiffEngine *self)
{
    return self->shutting_down;
}

guint64 bailiff_engine_take_last_kills(BailiffEngine *self)
{
    guint64 before = self->last_kills_told;

    self->last_kills_told = kill_guard_count_kills(self->kill_guard);
    return self->last_kills_told - before;
}

BailiffLockspace *bailiff_engine_find_lockspace(BailiffEngine *self, const char *name)
{
    return g_hash_table_lookup(self->lockspaces, name);
}

BailiffRegistration *bailiff_engine_find_registration(BailiffEngine *self, guint64 id)
{
    return g_hash_table_lookup(self->registrations, &id);
}

static GPtrArray *list_values(GHashTable *table)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_object_unref);
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_ptr_array_add(list, g_object_ref(value));
    return list;
}

GPtrArray *bailiff_engine_list_lockspaces(BailiffEngine *self)
{
    return list_values(self->lockspaces);
}

GPtrArray *bailiff_engine_list_registrations(BailiffEngine *self)
{
    return list_values(self->registrations);
}

/* --- lockspaces ------------------------------------------------------------------------------ */

void bailiff_engine_insert_lockspace(BailiffEngine *self, BailiffLockspace *lockspace)
{
    g_hash_table_insert(self->lockspaces, g_strdup(lockspace->name), lockspace);
    g_signal_emit(self, signals[SIGNAL_LOCKSPACE_ADDED], 0, lockspace);
}

void bailiff_engine_lockspace_changed(BailiffEngine *self, BailiffLockspace *lockspace)
{
    g_autoptr(GPtrArray) registrations = NULL;

    if (!bailiff_records_lockspace_changed(self->records, lockspace))
        rejoin_lockspace_changed(self->rejoin, lockspace);
    if (bailiff_lockspace_get_state(lockspace) != BAILIFF_LOCKSPACE_HELD)
        return;
    registrations = bailiff_engine_list_registrations(self);
    for (guint i = 0; i < registrations->len; i++)
        bailiff_registration_consider_recovery(registrations->pdata[i]);
}

void bailiff_engine_remove_lockspace(BailiffEngine *self, BailiffLockspace *lockspace)
{
    g_autoptr(BailiffLockspace) hold = g_object_ref(lockspace);

    if (g_hash_table_lookup(self->lockspaces, bailiff_lockspace_get_name(lockspace)) != lockspace)
        return;
    g_hash_table_remove(self->lockspaces, bailiff_lockspace_get_name(lockspace));
    g_signal_emit(self, signals[SIGNAL_LOCKSPACE_REMOVED], 0, lockspace);
    last_kill_forget_lockspace(lockspace);
    bailiff_records_lockspace_removed(self->records, bailiff_lockspace_get_name(lockspace));
    lockspace->engine = NULL;
}

/* --- registering ----------------------------------------------------------------------------- */

gboolean bailiff_engine_check_runtime_dir(BailiffEngine *self, GError **error)
{
    g_autoptr(GError) local = NULL;

    if (instance_lock_is_in_place(self->lock)) {
        self->told_misplaced = FALSE;
        return TRUE;
    }
    bailiff_set_error(&local, BAILIFF_ERROR_IO_ERROR,
                      "Put back the directory that was there; or end whoever holds leases, and "
                      "bailiffd, and start it again.",
                      "The runtime directory %s was replaced while bailiffd runs, so that nothing "
                      "new is begun: a second bailiffd could not be told from this one.",
                      self->runtime_dir);
    if (!self->told_misplaced)
        log_message(MESSAGE_RECORD_FAILED, NULL, "%s", local->message);
    self->told_misplaced = TRUE;
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

gboolean bailiff_engine_check_accepts_work(BailiffEngine *self, GError **error)
{
    if (!self->shutting_down)
        return bailiff_engine_check_runtime_dir(self, error) &&
               bailiff_engine_check_descriptors(self, DESCRIPTORS_OF_LOCKSPACE, error);
    bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Wait for bailiffd to be started again.",
                      "bailiffd is shutting down.");
    return FALSE;
}

void bailiff_engine_insert_registration(BailiffEngine *self, BailiffRegistration *registration)
{
    guint64 id = bailiff_registration_get_id(registration);

    g_hash_table_insert(self->registrations, g_memdup2(&id, sizeof id), registration);
    g_signal_emit(self, signals[SIGNAL_REGISTRATION_ADDED], 0, registration);
}

BailiffRegistration *bailiff_engine_add_registration(BailiffEngine *self, BailiffTarget *target,
                                                     const char *name, uid_t owner_uid,
                                                     const FailurePolicy *policy, GError **error)
{
    guint64 id = registration_numbers_take(self->numbers, error);
    g_autoptr(BailiffRegistration) registration = NULL;

    if (id == 0) {
        g_object_unref(target);
        return NULL;
    }
    registration = bailiff_registration_new(self, id, name, target, owner_uid, policy);
    /* Who is not written down would be refused every lease; and said so when it is too late. */
    if (!bailiff_registration_save(registration, error)) {
        bailiff_registration_disown(registration);
        return NULL;
    }
    bailiff_engine_insert_registration(self, g_object_ref(registration));
    return registration;
}

void bailiff_engine_remove_registration(BailiffEngine *self, BailiffRegistration *registration)
{
    g_autoptr(BailiffRegistration) hold = g_object_ref(registration);
    guint64 id = bailiff_registration_get_id(registration);

    g_hash_table_remove(self->registrations, &id);
    g_signal_emit(self, signals[SIGNAL_REGISTRATION_REMOVED], 0, registration);
}
