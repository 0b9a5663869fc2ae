/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests for resources: asking the owner to let go, and heeding what others ask.
 *
 * Nobody is signalled or killed for a request unless this host holds the resource at the moment
 * when that is decided, at a version before the requested one. A request is heeded once: it stays
 * on disk until the lease has reached its version, and is read again and again.
 */
#include "engine/lockspace-private.h"

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "engine/device-opener.h"
#include "engine/engine-private.h"
#include "engine/machine-driver.h"
#include "engine/name-error.h"
#include "engine/registration-private.h"
#include "engine/resource-private.h"
#include "engine/storage-claims.h"
#include "lease/lease-timing.h"
#include "lease/resource-request.h"

static void describe(BailiffLockspace *self, const char *resource, const char *path, guint64 offset,
                     LeaseErrorContext *ret)
{
    bailiff_lockspace_describe(self, ret);
    ret->resource = resource;
    ret->path = path;
    ret->offset = offset;
}

/* --- heeding --------------------------------------------------------------------------------- */

/* What of the present request of a resource has been heeded, kept with the resource. */
typedef struct HeededRequest {
    guint64 version;
    ResourceRequestAction action;
} HeededRequest;

static gboolean is_heeded(BailiffResource *resource, guint64 version, ResourceRequestAction action)
{
    const HeededRequest *heeded = g_object_get_data(G_OBJECT(resource), "bailiff-heeded-request");

    return heeded != NULL && heeded->version == version && heeded->action == action;
}

/* The version that is held: as known, or as on disk if that is later. A shared lease has none of
 * its own: others who share it have won later ones since; and one that was taken from us is not
 * what was asked of us. */
static guint64 held_version(BailiffResource *resource, const ResourceLease *lease)
{
    return MAX(bailiff_resource_get_won_version(resource), lease->leader.version_of_lease);
}

/* Nobody uses an orphan who could be asked, and why it is kept only a person knows: it is not given
 * back on another host's wish. Told once; that is not heeding, so who adopts it is asked. */
static void tell_of_orphan(BailiffLockspace *self, BailiffResource *resource, guint64 version)
{
    static const char key[] = "bailiff-orphan-request";
    const guint64 *told = g_object_get_data(G_OBJECT(resource), key);
    const char *name = bailiff_resource_get_name(resource);

    if (told != NULL && *told == version)
        return;
    g_object_set_data_full(G_OBJECT(resource), key, g_memdup2(&version, sizeof version), g_free);
    log_message(MESSAGE_RESOURCE_REQUESTED, LOG_SUBJECT(.lockspace = self->name, .resource = name),
                "Somebody requests resource %s of lockspace %s, which is an orphan here, so nobody "
                "is asked. When nothing uses it give it back: bailiffctl release-orphans %s %s.",
                name, self->name, self->name, name);
}

/* `lease`: with request and leader as they were read. */
static void heed(BailiffLockspace *self, BailiffResource *resource, const ResourceLease *lease)
{
    g_autoptr(GPtrArray) registrations = bailiff_resource_list_registrations(resource);
    ResourceRequestAction action =
        resource_request_asks(&lease->request, held_version(resource, lease));
    HeededRequest *heeded;

    if (action != RESOURCE_REQUEST_NONE && bailiff_resource_is_orphan(resource))
        tell_of_orphan(self, resource, lease->request.lver);
    if (action == RESOURCE_REQUEST_NONE || registrations->len == 0 ||
        bailiff_resource_get_phase(resource) != RESOURCE_PUBLISHED ||
        is_heeded(resource, lease->request.lver, action))
        return;
    heeded = g_new(HeededRequest, 1);
    *heeded = (HeededRequest){ lease->request.lver, action };
    g_object_set_data_full(G_OBJECT(resource), "bailiff-heeded-request", heeded, g_free);
    for (guint i = 0; i < registrations->len; i++) {
        BailiffRegistration *registration = registrations->pdata[i];

        log_message(MESSAGE_RESOURCE_REQUESTED,
                    LOG_SUBJECT(.lockspace = self->name,
                                .resource = bailiff_resource_get_name(resource),
                                .registration = bailiff_registration_get_id(registration),
                                .registration_name = bailiff_registration_get_name(registration)),
                    "Somebody requests resource %s of lockspace %s, which %s (%s) "
                    "holds%s.",
                    bailiff_resource_get_name(resource), self->name,
                    bailiff_registration_get_name(registration),
                    bailiff_registration_describe(registration),
                    action == RESOURCE_REQUEST_FORCE ? ", by force" : "");
        bailiff_registration_request_release(registration, resource,
                                             action == RESOURCE_REQUEST_FORCE);
    }
}

typedef struct FoundRequest {
    BailiffResource *resource;
    ResourceLease lease;
} FoundRequest;

static void found_request_free(gpointer data)
{
    FoundRequest *found = data;

    g_object_unref(found->resource);
    g_free(found);
}

static gboolean heed_found(gpointer user_data)
{
    const FoundRequest *found = user_data;

    heed(bailiff_resource_get_lockspace(found->resource), found->resource, &found->lease);
    return G_SOURCE_REMOVE;
}

void bailiff_lockspace_found_request(BailiffLockspace *self, BailiffResource *resource,
                                     const ResourceLease *lease)
{
    FoundRequest *found;

    if (resource_request_asks(&lease->request, held_version(resource, lease)) ==
        RESOURCE_REQUEST_NONE)
        return;
    /* Later: the call that acquires it is still being answered. */
    found = g_new(FoundRequest, 1);
    *found = (FoundRequest){ g_object_ref(resource), *lease };
    g_idle_add_full(G_PRIORITY_DEFAULT, heed_found, found, found_request_free);
}

/* --- examining ------------------------------------------------------------------------------- */

/* Reads in the worker's queue at a time: acquisitions are not to wait for more. */
#define EXAMINATIONS_MAX 32u

/* One look at all resources; answers when each has answered, with the first error. */
typedef struct ExamineCall {
    GPtrArray *resources; /* those that are still to be examined */
    guint running;
    GError *error;
} ExamineCall;

typedef struct Examination {
    BailiffResource *resource;
    GTask *task;
    ResourceLease lease;
    ResourceExamine machine;
} Examination;

static void examine_call_free(gpointer data)
{
    ExamineCall *call = data;

    g_ptr_array_unref(call->resources);
    g_clear_error(&call->error);
    g_free(call);
}

static void examine_one(BailiffLockspace *self, BailiffResource *resource, GTask *task);

static void examine_more(GTask *task)
{
    BailiffLockspace *self = g_task_get_source_object(task);
    ExamineCall *call = g_task_get_task_data(task);

    while (call->running < EXAMINATIONS_MAX && call->resources->len > 0) {
        g_autoptr(BailiffResource) resource =
            g_ptr_array_steal_index(call->resources, call->resources->len - 1);

        /* As it is by now. */
        if (bailiff_resource_get_phase(resource) == RESOURCE_PUBLISHED)
            examine_one(self, resource, task);
    }
    if (call->running > 0)
        return;
    if (call->error != NULL)
        g_task_return_error(task, g_steal_pointer(&call->error));
    else
        g_task_return_boolean(task, TRUE);
}

static void examination_free(Examination *one)
{
    g_object_unref(one->resource);
    g_object_unref(one->task);
    g_free(one);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Examination, examination_free)

static MachineStep resume_examine(void *machine, const MachineInput *input)
{
    return resource_examine_resume(machine, input);
}

static void on_examined(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(Examination) one = user_data;
    BailiffLockspace *self = g_task_get_source_object(one->task);
    ExamineCall *call = g_task_get_task_data(one->task);
    LeaseFault fault;

    if (machine_run_finish(result, &fault)) {
        heed(self, one->resource, &one->lease);
    } else if (call->error == NULL) {
        LeaseErrorContext context;

        describe(self, bailiff_resource_get_name(one->resource),
                 bailiff_resource_get_path(one->resource),
                 bailiff_resource_get_offset(one->resource), &context);
        call->error = lease_error_new(&fault, &context);
    }
    call->running--;
    examine_more(one->task);
}

static void examine_one(BailiffLockspace *self, BailiffResource *resource, GTask *task)
{
    ExamineCall *call = g_task_get_task_data(task);
    Examination *one = g_new0(Examination, 1);
    const MachineJob job = {
        .resume = resume_examine,
        .machine = &one->machine,
        .lockspace_device = self->device,
        .resource_device = (BlockDevice *)bailiff_resource_get_device(resource),
        .sight = self->sight,
        .bounded = TRUE,
    };

    one->resource = g_object_ref(resource);
    one->task = g_object_ref(task);
    bailiff_lockspace_init_lease(self, bailiff_resource_get_name(resource),
                                 bailiff_resource_get_offset(resource), &one->lease);
    resource_examine_init(&one->machine, &one->lease);
    call->running++;
    machine_run_async(self->resource_worker, &job, NULL, on_examined, one);
}

void bailiff_lockspace_examine_requests_async(BailiffLockspace *self, GAsyncReadyCallback callback,
                                              gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    GError *error = NULL;
    ExamineCall *call;

    if (!bailiff_lockspace_check_usable(self, &error)) {
        g_task_return_error(task, error);
        return;
    }
    call = g_new0(ExamineCall, 1);
    call->resources = bailiff_lockspace_list_resources(self);
    g_task_set_task_data(task, call, examine_call_free);
    examine_more(task);
}

gboolean bailiff_lockspace_examine_requests_finish(BailiffLockspace *self, GAsyncResult *result,
                                                   GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

static void on_examined_by_wish_of_others(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GError) error = NULL;

    if (!bailiff_lockspace_examine_requests_finish(BAILIFF_LOCKSPACE(source), result, &error)) {
        const char *name = bailiff_lockspace_get_name(BAILIFF_LOCKSPACE(source));

        log_line(LOG_WARNING, LOG_SUBJECT(.lockspace = name),
                 "Requests in lockspace %s could not be read: %s", name, error->message);
    }
}

void bailiff_lockspace_heed_notices(BailiffLockspace *self)
{
    if (lease_sight_take_examine_due(self->sight))
        bailiff_lockspace_examine_requests_async(self, on_examined_by_wish_of_others, NULL);
}

/* --- asking ---------------------------------------------------------------------------------- */

typedef struct RequestCall {
    char *resource;
    char *path;
    guint64 offset;
    guint64 version;
    ResourceRequestAction action;
    BlockDevice *device;
    ResourceLease lease;
    ResourceRequest machine;
} RequestCall;

static void request_call_free(gpointer data)
{
    RequestCall *call = data;

    g_clear_pointer(&call->device, block_device_unref);
    g_free(call->resource);
    g_free(call->path);
    g_free(call);
}

static void on_notified(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    GError *error = NULL;

    if (bailiff_lockspace_send_event_finish(BAILIFF_LOCKSPACE(source), result, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

/* FALSE with Held: the host that is asked is this one, and nobody here can let go of it. */
static gboolean check_no_orphan(BailiffLockspace *self, const RequestCall *call, GError **error)
{
    BailiffResource *here = bailiff_lockspace_find_resource(self, call->resource);

    if (here == NULL || !bailiff_resource_is_orphan(here) || call->action == RESOURCE_REQUEST_NONE)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_HELD,
                      "Take it over with the option adopt, or give it back (bailiffctl "
                      "release-orphans).",
                      "Resource %s of lockspace %s is an orphan of this host: nobody uses it who "
                      "could be asked to let go of it.",
                      call->resource, self->name);
    return FALSE;
}

static void on_own_examined(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    BailiffLockspace *self = BAILIFF_LOCKSPACE(source);
    GError *error = NULL;

    if (bailiff_lockspace_examine_requests_finish(self, result, &error) &&
        check_no_orphan(self, g_task_get_task_data(task), &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

static MachineStep resume_request(void *machine, const MachineInput *input)
{
    return resource_request_resume(machine, input);
}

static void on_requested(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    BailiffLockspace *self = g_task_get_source_object(task);
    const RequestCall *call = g_task_get_task_data(task);
    LeaseErrorContext context;
    LeaseFault fault;

    if (!machine_run_finish(result, &fault)) {
        describe(self, call->resource, call->path, call->offset, &context);
        g_task_return_error(task, lease_error_new(&fault, &context));
    } else if (call->machine.owner_id == 0) {
        g_task_return_boolean(task, TRUE);
    } else if (call->machine.owner_id == self->host_id) {
        bailiff_lockspace_examine_requests_async(self, on_own_examined, g_steal_pointer(&task));
    } else {
        bailiff_lockspace_notify_async(self, call->machine.owner_id, on_notified,
                                       g_steal_pointer(&task));
    }
}

static gboolean prepare(BailiffLockspace *self, RequestCall *call, GError **error)
{
    return bailiff_lockspace_check_usable(self, error) &&
           bailiff_engine_check_unclaimed(self->engine, call->device, call->offset,
                                          self->layout.align_size, error) &&
           bailiff_lockspace_ensure_resource_worker(self, error);
}

static void on_device_opened(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    BailiffLockspace *self = g_task_get_source_object(task);
    RequestCall *call = g_task_get_task_data(task);
    GError *error = NULL;
    MachineJob job;

    call->device = device_open_finish(result, &error);
    if (call->device == NULL || !prepare(self, call, &error)) {
        g_task_return_error(task, error);
        return;
    }
    bailiff_lockspace_init_lease(self, call->resource, call->offset, &call->lease);
    resource_request_init(&call->machine, &call->lease, call->action, call->version);
    job = (MachineJob){
        .resume = resume_request,
        .machine = &call->machine,
        .lockspace_device = self->device,
        .resource_device = call->device,
        .sight = self->sight,
        .permit = self->resource_permit,
        .bounded = TRUE,
        .acquiring = TRUE,
    };
    machine_run_async(self->resource_worker, &job, NULL, on_requested, g_steal_pointer(&task));
}

static gboolean check_request(BailiffLockspace *self, const BailiffReleaseRequest *request,
                              GError **error)
{
    if (!bailiff_check_name("resource", request->resource, FIXED_NAME_SIZE, error) ||
        !bailiff_check_path(request->path, error) || !bailiff_lockspace_check_usable(self, error))
        return FALSE;
    if (layout_offset_ok(&self->layout, request->offset))
        return TRUE;
    bailiff_set_error(
        error, BAILIFF_ERROR_INVALID_ARGUMENT, "Use the offset that the resource was formatted at.",
        "Offset %" G_GUINT64_FORMAT " is not a multiple of the sector size, %u bytes.",
        request->offset, self->layout.sector_size);
    return FALSE;
}

void bailiff_lockspace_request_release_async(BailiffLockspace *self,
                                             const BailiffReleaseRequest *request,
                                             GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    GError *error = NULL;
    RequestCall *call;

    if (!check_request(self, request, &error)) {
        g_task_return_error(task, error);
        return;
    }
    call = g_new0(RequestCall, 1);
    call->resource = g_strdup(request->resource);
    call->path = g_strdup(request->path);
    call->offset = request->offset;
    call->version = request->version;
    call->action = request->withdraw ? RESOURCE_REQUEST_NONE
                   : request->force  ? RESOURCE_REQUEST_FORCE
                                     : RESOURCE_REQUEST_GRACEFUL;
    g_task_set_task_data(task, call, request_call_free);
    device_open_async(self->openers, call->path, FALSE, timing_io(self->io_timeout),
                      on_device_opened, g_steal_pointer(&task));
}

gboolean bailiff_lockspace_request_release_finish(BailiffLockspace *self, GAsyncResult *result,
                                                  GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
