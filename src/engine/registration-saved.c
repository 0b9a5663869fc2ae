/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A registration, written down for the bailiffd that comes after this one, and read back by that.
 *
 * Before it may hold its first lease in a lockspace it is written at once, or gets none. Everything
 * else is written when the main loop comes round: a thousand that fail at the same time get their
 * first action first. What is lost with a crash in between is only how far a walk was, never that
 * there is one: a lockspace that fails is written down by itself.
 */
#include "engine/registration-state.h"

#include "actions/domain-target.h"
#include "actions/process-target.h"
#include "actions/unit-target.h"
#include "base/fixed-name.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "engine/engine-private.h"
#include "engine/held-record.h"
#include "engine/policy-error.h"
#include "engine/process-store.h"
#include "failure/failure-policy-parser.h"

#define GROUP HELD_RECORD_GROUP

/* How long the held record of one that holds nothing any more names its lockspaces: who takes and
 * gives back leases all the time need not write it each time. A daemon that dies meanwhile is
 * succeeded by one that takes that process for a holder, which errs on the right side. */
#define RECORD_REST_SECONDS 1

void saved_walk_free(SavedWalk *self)
{
    g_free(self->lockspace);
    g_free(self->detail);
    g_free(self);
}

/* --- writing --------------------------------------------------------------------------------- */

static void set_policy(GKeyFile *record, const char *key, const FailurePolicy *policy)
{
    char text[FAILURE_POLICY_TEXT_MAX];

    failure_policy_print(policy, text);
    g_key_file_set_string(record, GROUP, key, text);
}

static void save_walk(BailiffRegistration *self, GKeyFile *record)
{
    if (self->state != BAILIFF_REGISTRATION_FAILING || self->walked == NULL)
        return;
    set_policy(record, "Walked", self->walked);
    g_key_file_set_string(record, GROUP, "FailedLockspace",
                          self->failed_lockspace != NULL ? self->failed_lockspace : "");
    g_key_file_set_uint64(record, GROUP, "FailAtUsec", self->walk_fail_us);
    g_key_file_set_uint64(record, GROUP, "Step", self->walk_point.step);
    g_key_file_set_uint64(record, GROUP, "StepSinceUsec", self->walk_point.since_us);
    g_key_file_set_boolean(record, GROUP, "StepWorked", self->walk_point.worked);
    if (self->walk_detail != NULL)
        g_key_file_set_string(record, GROUP, "StepDetail", self->walk_detail);
    g_key_file_set_boolean(record, GROUP, "Drilling", self->drilling);
    g_key_file_set_boolean(record, GROUP, "Killing", self->killing);
}

gboolean registration_save(BailiffRegistration *self, GError **error)
{
    g_autofree char **names = (char **)g_hash_table_get_keys_as_array(self->recorded, NULL);
    g_autoptr(GKeyFile) record = NULL;

    g_clear_handle_id(&self->save_idle, g_source_remove);
    record = held_record_new(self->name, self->target, (const char *const *)names, error);
    if (record == NULL)
        return FALSE;
    g_key_file_set_uint64(record, GROUP, "Owner", self->owner_uid);
    g_key_file_set_string(record, GROUP, "State", bailiff_registration_state_name(self->state));
    if (self->has_own_policy)
        set_policy(record, "Policy", &self->policy);
    save_walk(self, record);
    if (self->recovery != NULL && self->state != BAILIFF_REGISTRATION_ACTIVE)
        recovery_save(self->recovery, record, GROUP);
    self->written =
        held_record_write(bailiff_engine_get_runtime_dir(self->engine), self->id, record, error);
    return self->written;
}

gboolean bailiff_registration_save(BailiffRegistration *self, GError **error)
{
    return registration_save(self, error);
}

void bailiff_registration_disown(BailiffRegistration *self)
{
    self->engine = NULL;
    g_clear_handle_id(&self->save_idle, g_source_remove);
}

static gboolean on_save_idle(gpointer user_data)
{
    BailiffRegistration *self = user_data;
    g_autoptr(GError) error = NULL;

    self->save_idle = 0;
    if (!registration_save(self, &error))
        log_message(MESSAGE_RECORD_FAILED,
                    LOG_SUBJECT(.registration = self->id, .registration_name = self->name), "%s",
                    error->message);
    return G_SOURCE_REMOVE;
}

void registration_save_soon(BailiffRegistration *self)
{
    if (self->engine != NULL && self->save_idle == 0)
        self->save_idle = g_idle_add_full(G_PRIORITY_DEFAULT, on_save_idle, self, NULL);
}

void bailiff_registration_save_pending(BailiffRegistration *self)
{
    if (self->save_idle == 0)
        return;
    g_clear_handle_id(&self->save_idle, g_source_remove);
    on_save_idle(self);
}

void registration_remove_record(BailiffRegistration *self)
{
    g_clear_handle_id(&self->record_timer, g_source_remove);
    g_clear_handle_id(&self->save_idle, g_source_remove);
    if (self->engine != NULL && self->written)
        held_record_remove(bailiff_engine_get_runtime_dir(self->engine), self->id);
    self->written = FALSE;
    g_hash_table_remove_all(self->recorded);
}

static gboolean on_record_rested(gpointer user_data)
{
    BailiffRegistration *self = user_data;

    self->record_timer = 0;
    if (self->resources->len == 0 && self->acquiring == 0 && self->recovery == NULL &&
        self->state != BAILIFF_REGISTRATION_FAILING) {
        g_hash_table_remove_all(self->recorded);
        registration_save_soon(self);
    }
    return G_SOURCE_REMOVE;
}

void registration_let_record_rest(BailiffRegistration *self)
{
    if (self->record_timer == 0 && g_hash_table_size(self->recorded) > 0)
        self->record_timer = g_timeout_add_seconds(RECORD_REST_SECONDS, on_record_rested, self);
}

/* --- reading back ---------------------------------------------------------------------------- */

static gboolean set_corrupt(GError **error, guint64 id)
{
    bailiff_set_error(error, BAILIFF_ERROR_CORRUPT,
                      "Make sure that what was registered does not run, then remove the record.",
                      "What is written of registration %" G_GUINT64_FORMAT " makes no sense.", id);
    return FALSE;
}

static BailiffTarget *restore_process(BailiffEngine *engine, guint64 id, GKeyFile *record,
                                      GError **error)
{
    g_auto(ProcessIdentity) process = { .pidfd = -1 };

    if (process_store_take(bailiff_engine_get_fd_store(engine), id, record, &process))
        return bailiff_process_target_new(
            &process, g_key_file_get_boolean(record, GROUP, "Descendants", NULL));
    return bailiff_process_target_restore(record, GROUP, error);
}

static BailiffTarget *restore_target(BailiffEngine *engine, guint64 id, GKeyFile *record,
                                     GError **error)
{
    const ActionServices *services = bailiff_engine_get_services(engine);
    g_autofree char *kind = g_key_file_get_string(record, GROUP, "Kind", NULL);

    if (g_strcmp0(kind, failure_target_name(FAILURE_TARGET_PROCESS)) == 0)
        return restore_process(engine, id, record, error);
    if (g_strcmp0(kind, failure_target_name(FAILURE_TARGET_UNIT)) == 0)
        return bailiff_unit_target_restore(services->systemd, record, GROUP,
                                           recovery_record_is_ended(record, GROUP), error);
    if (g_strcmp0(kind, failure_target_name(FAILURE_TARGET_DOMAIN)) == 0)
        return bailiff_domain_target_restore(services->libvirt, record, GROUP,
                                             recovery_record_is_paused(record, GROUP), error);
    set_corrupt(error, id);
    return NULL;
}

static gboolean get_policy(GKeyFile *record, const char *key, FailurePolicy *ret)
{
    g_autofree char *text = g_key_file_get_string(record, GROUP, key, NULL);

    return text != NULL && failure_policy_parse(ret, text, NULL) == FAILURE_POLICY_OK;
}

static gboolean restore_state(BailiffRegistration *self, GKeyFile *record)
{
    static const BailiffRegistrationState states[] = {
        BAILIFF_REGISTRATION_ACTIVE,
        BAILIFF_REGISTRATION_FAILING,
        BAILIFF_REGISTRATION_PAUSED,
        BAILIFF_REGISTRATION_CLEARED,
    };
    g_autofree char *word = g_key_file_get_string(record, GROUP, "State", NULL);

    for (guint i = 0; i < G_N_ELEMENTS(states); i++)
        if (g_strcmp0(word, bailiff_registration_state_name(states[i])) == 0) {
            self->state = states[i];
            return TRUE;
        }
    return FALSE;
}

/* A walk whose policy cannot be read is the shortest one. */
static void restore_walk(BailiffRegistration *self, GKeyFile *record)
{
    static const FailurePolicy kill_now = { .steps = { { .action = FAILURE_ACTION_KILL } },
                                            .n_steps = 1 };
    SavedWalk *walk;

    if (self->state != BAILIFF_REGISTRATION_FAILING)
        return;
    walk = self->saved_walk = g_new0(SavedWalk, 1);
    if (!get_policy(record, "Walked", &walk->policy))
        walk->policy = kill_now;
    walk->lockspace = g_key_file_get_string(record, GROUP, "FailedLockspace", NULL);
    /* A time that is yet to come would put the walk off. */
    walk->fail_us = MIN(g_key_file_get_uint64(record, GROUP, "FailAtUsec", NULL), boottime_now());
    walk->detail = g_key_file_get_string(record, GROUP, "StepDetail", NULL);
    walk->point = (FailureRunnerPoint){
        .since_us = g_key_file_get_uint64(record, GROUP, "StepSinceUsec", NULL),
        .step = g_key_file_get_uint64(record, GROUP, "Step", NULL),
        .worked = g_key_file_get_boolean(record, GROUP, "StepWorked", NULL),
        .detail = walk->detail,
    };
    self->drilling = g_key_file_get_boolean(record, GROUP, "Drilling", NULL);
    self->killing = g_key_file_get_boolean(record, GROUP, "Killing", NULL);
}

static void restore_recorded(BailiffRegistration *self, GKeyFile *record)
{
    g_auto(GStrv) names = g_key_file_get_string_list(record, GROUP, "Lockspaces", NULL, NULL);

    for (guint i = 0; names != NULL && names[i] != NULL; i++)
        g_hash_table_add(self->recorded, g_strdup(names[i]));
}

BailiffRegistration *bailiff_registration_restore(BailiffEngine *engine, guint64 id,
                                                  GKeyFile *record, GError **error)
{
    g_autofree char *name = g_key_file_get_string(record, GROUP, "Name", NULL);
    guint64 owner = g_key_file_get_uint64(record, GROUP, "Owner", NULL);
    g_autoptr(BailiffTarget) target = NULL;
    g_autoptr(BailiffRegistration) self = NULL;
    FailurePolicy policy;
    gboolean has_policy = g_key_file_has_key(record, GROUP, "Policy", NULL);

    if (name == NULL || fixed_name_check(name, FIXED_NAME_SIZE) != NAME_OK || owner > G_MAXUINT32 ||
        (has_policy && !get_policy(record, "Policy", &policy))) {
        set_corrupt(error, id);
        return NULL;
    }
    target = restore_target(engine, id, record, error);
    if (target == NULL)
        return NULL;
    self = bailiff_registration_new(engine, id, name, g_object_ref(target), (uid_t)owner,
                                    has_policy ? &policy : NULL);
    if (!restore_state(self, record) || !recovery_restore(self, record, GROUP)) {
        bailiff_registration_disown(self);
        set_corrupt(error, id);
        return NULL;
    }
    self->written = TRUE;
    restore_recorded(self, record);
    restore_walk(self, record);
    return g_steal_pointer(&self);
}

guint64 bailiff_registration_get_saved_fail(BailiffRegistration *self, const char *lockspace)
{
    return self->saved_walk != NULL && g_strcmp0(self->saved_walk->lockspace, lockspace) == 0
               ? self->saved_walk->fail_us
               : TIME_NEVER;
}

gboolean bailiff_registration_is_recorded(BailiffRegistration *self, const char *lockspace)
{
    return g_hash_table_contains(self->recorded, lockspace);
}

const char **bailiff_registration_list_recorded(BailiffRegistration *self)
{
    return (const char **)g_hash_table_get_keys_as_array(self->recorded, NULL);
}

gboolean bailiff_registration_holds_some(BailiffRegistration *self)
{
    return self->resources->len > 0;
}

gboolean bailiff_registration_uses_nothing(BailiffRegistration *self)
{
    return self->recovery != NULL && (self->state == BAILIFF_REGISTRATION_PAUSED ||
                                      self->state == BAILIFF_REGISTRATION_CLEARED);
}

void bailiff_registration_go_on(BailiffRegistration *self)
{
    g_autoptr(BailiffRegistration) hold = g_object_ref(self);

    if (self->state == BAILIFF_REGISTRATION_FAILING && self->saved_walk != NULL)
        registration_resume_walk(self, self->saved_walk);
    if (bailiff_target_has_ended(self->target) &&
        (self->recovery == NULL || self->state == BAILIFF_REGISTRATION_FAILING ||
         self->state == BAILIFF_REGISTRATION_PAUSED))
        registration_target_ended(self);
    else if (self->recovery != NULL)
        recovery_consider(self);
    registration_check_removable(self);
}
