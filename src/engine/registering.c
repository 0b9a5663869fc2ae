/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registering: from a name of a process, a unit or a domain to a target that is sure.
 */
#include <unistd.h>

#include "actions/domain-target.h"
#include "actions/process-target.h"
#include "actions/unit-target.h"
#include "base/fixed-name.h"
#include "common/bailiff-error.h"
#include "engine/engine-private.h"
#include "engine/name-error.h"
#include "engine/policy-error.h"
#include "engine/registration-private.h"

static gboolean check_request(BailiffEngine *self, const char *name, FailureTarget kind,
                              const FailurePolicy *policy, GError **error)
{
    return bailiff_engine_check_accepts_work(self, error) &&
           (name == NULL || bailiff_check_name("registration", name, FIXED_NAME_SIZE, error)) &&
           (policy == NULL || bailiff_failure_policy_check(policy, kind, error));
}

/* --- processes ------------------------------------------------------------------------------- */

/* The kill of this registration would be the kill of all leases. */
static gboolean check_not_ourselves(ProcessIdentity *process, GError **error)
{
    if (process->pid != getpid() && process->pid != 1)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                      "Register the process that uses the resource.",
                      "Process %d cannot be registered: it must not be killed.", (int)process->pid);
    return FALSE;
}

BailiffRegistration *bailiff_engine_register_process(BailiffEngine *self, int pidfd,
                                                     const char *name, gboolean descendants,
                                                     uid_t owner_uid, const FailurePolicy *policy,
                                                     GError **error)
{
    g_auto(ProcessIdentity) process = { .pidfd = -1 };

    if (!check_request(self, name, FAILURE_TARGET_PROCESS, policy, error) ||
        !process_identity_from_pidfd(&process, pidfd, error)) {
        close(pidfd);
        return NULL;
    }
    if (!check_not_ourselves(&process, error))
        return NULL;
    return bailiff_engine_add_registration(self, bailiff_process_target_new(&process, descendants),
                                           name, owner_uid, policy, error);
}

BailiffRegistration *bailiff_engine_register_pid(BailiffEngine *self, pid_t pid, guint64 start_time,
                                                 const char *name, gboolean descendants,
                                                 uid_t owner_uid, const FailurePolicy *policy,
                                                 GError **error)
{
    g_auto(ProcessIdentity) process = { .pidfd = -1 };

    if (!check_request(self, name, FAILURE_TARGET_PROCESS, policy, error) ||
        !process_identity_from_pid(&process, pid, start_time, error) ||
        !check_not_ourselves(&process, error))
        return NULL;
    return bailiff_engine_add_registration(self, bailiff_process_target_new(&process, descendants),
                                           name, owner_uid, policy, error);
}

/* --- units and domains ----------------------------------------------------------------------- */

typedef struct Wish {
    char *name; /* NULL: made of the target's */
    char *uuid;
    uid_t owner_uid;
    FailurePolicy *policy; /* NULL: the default */
} Wish;

static void wish_free(gpointer data)
{
    Wish *wish = data;

    g_free(wish->name);
    g_free(wish->uuid);
    g_free(wish->policy);
    g_free(wish);
}

/* Names of units and domains may be longer than ours, and hold more than ours may. */
static char *make_name(const char *of)
{
    char *name = g_strndup(of, FIXED_NAME_SIZE);

    for (char *c = name; *c != '\0'; c++)
        if (!g_ascii_isgraph(*c) || *c == '/' || *c == ':' || *c == '\\')
            *c = '_';
    return name;
}

/* NULL: it is not registered. */
static BailiffRegistration *find_target(BailiffEngine *self, FailureTarget kind, const char *id)
{
    g_autoptr(GPtrArray) list = bailiff_engine_list_registrations(self);

    for (guint i = 0; i < list->len; i++) {
        const char *other = kind == FAILURE_TARGET_UNIT
                                ? bailiff_registration_get_unit(list->pdata[i])
                                : bailiff_registration_get_domain(list->pdata[i]);

        if (g_str_equal(other, id))
            return list->pdata[i];
    }
    return NULL;
}

/* Takes over `target`. */
static void add_found(GTask *task, BailiffTarget *target, const char *id)
{
    BailiffEngine *self = g_task_get_source_object(task);
    const Wish *wish = g_task_get_task_data(task);
    g_autofree char *name = wish->name != NULL ? g_strdup(wish->name) : make_name(id);
    BailiffRegistration *there = find_target(self, bailiff_target_get_kind(target), id);
    BailiffRegistration *registration;
    GError *error = NULL;

    if (there != NULL)
        bailiff_set_error(&error, BAILIFF_ERROR_ALREADY_EXISTS, "Use that registration.",
                          "The %s is registered already, as %s.",
                          bailiff_target_get_description(target),
                          bailiff_registration_get_name(there));
    else if (bailiff_engine_check_accepts_work(self, &error)) {
        registration = bailiff_engine_add_registration(self, target, name, wish->owner_uid,
                                                       wish->policy, &error);
        if (registration != NULL)
            g_task_return_pointer(task, registration, NULL);
        else
            g_task_return_error(task, error);
        return;
    }
    g_object_unref(target);
    g_task_return_error(task, error);
}

/* NULL: the task was answered. */
static GTask *begin(BailiffEngine *self, const char *name, FailureTarget kind, uid_t owner_uid,
                    const FailurePolicy *policy, GCancellable *cancellable,
                    GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, cancellable, callback, user_data);
    Wish *wish = g_new0(Wish, 1);
    GError *error = NULL;

    wish->name = g_strdup(name);
    wish->owner_uid = owner_uid;
    g_task_set_task_data(task, wish, wish_free);
    wish->policy = policy != NULL ? g_memdup2(policy, sizeof *policy) : NULL;
    if (check_request(self, name, kind, policy, &error))
        return g_steal_pointer(&task);
    g_task_return_error(task, error);
    return NULL;
}

static void on_unit_found(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    GError *error = NULL;
    BailiffTarget *target = bailiff_unit_target_new_finish(result, &error);

    if (target == NULL)
        g_task_return_error(task, error);
    else
        add_found(task, target, bailiff_unit_target_get_unit(BAILIFF_UNIT_TARGET(target)));
}

void bailiff_engine_register_unit_async(BailiffEngine *self, const char *unit, const char *name,
                                        uid_t owner_uid, const FailurePolicy *policy,
                                        GCancellable *cancellable, GAsyncReadyCallback callback,
                                        gpointer user_data)
{
    GTask *task =
        begin(self, name, FAILURE_TARGET_UNIT, owner_uid, policy, cancellable, callback, user_data);

    if (task != NULL)
        bailiff_unit_target_new_async(bailiff_engine_get_services(self)->systemd, unit, cancellable,
                                      on_unit_found, task);
}

BailiffRegistration *bailiff_engine_register_unit_finish(BailiffEngine *self, GAsyncResult *result,
                                                         GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}

static void add_domain(GTask *task, const char *domain_name)
{
    BailiffEngine *self = g_task_get_source_object(task);
    Wish *wish = g_task_get_task_data(task);
    GError *error = NULL;
    BailiffTarget *target = bailiff_domain_target_new(bailiff_engine_get_services(self)->libvirt,
                                                      wish->uuid, domain_name, &error);

    if (target == NULL) {
        g_task_return_error(task, error);
        return;
    }
    if (wish->name == NULL)
        wish->name = make_name(domain_name);
    add_found(task, target, bailiff_domain_target_get_uuid(BAILIFF_DOMAIN_TARGET(target)));
}

static void on_domain_found(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    GError *error = NULL;
    g_autofree char *domain_name =
        bailiff_libvirt_look_up_finish(BAILIFF_LIBVIRT(source), result, &error);

    if (domain_name == NULL)
        g_task_return_error(task, error);
    else
        add_domain(task, domain_name);
}

void bailiff_engine_register_domain_async(BailiffEngine *self, const char *uuid,
                                          const char *domain_name, const char *name,
                                          uid_t owner_uid, const FailurePolicy *policy,
                                          GCancellable *cancellable, GAsyncReadyCallback callback,
                                          gpointer user_data)
{
    g_autoptr(GTask) task = begin(self, name, FAILURE_TARGET_DOMAIN, owner_uid, policy, cancellable,
                                  callback, user_data);

    if (task == NULL)
        return;
    ((Wish *)g_task_get_task_data(task))->uuid = g_strdup(uuid);
    if (domain_name != NULL)
        add_domain(task, domain_name);
    else
        bailiff_libvirt_look_up_async(bailiff_engine_get_services(self)->libvirt, uuid, cancellable,
                                      on_domain_found, g_object_ref(task));
}

BailiffRegistration *bailiff_engine_register_domain_finish(BailiffEngine *self,
                                                           GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}
