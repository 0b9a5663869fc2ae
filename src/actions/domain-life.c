/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain that goes on: Resume of one that was paused, Create of one that is off.
 *
 *   settle    until no older change of this domain is on its way: a Suspend or Destroy that a
 *             failure walk gave up would else hit the life that begins here
 *   change    Resume or Create; the reply is not looked at
 *   state     running, or not
 *
 * Given up while the change is out, it may be carried out later. That is why a domain which is
 * resumed is no longer quiet from before the call on, and why it is quiet again as soon as nobody
 * waits for the call any more: if it runs after all, that is told as `resumed`. Neither a pause nor
 * an end is believed while the change is out (action-pause.c, domain-target.c).
 */
#include "actions/domain-target-private.h"

#include <string.h>

#include "common/bailiff-error.h"

/* Of the question how it is; the caller's own limit is its cancellable. */
#define STATE_LIMIT_MS 10000

typedef struct LifeCall {
    LibvirtMethod method;
    gboolean was_paused; /* it is quiet unless it is seen to run */
    char *refusal;       /* what libvirt answered to the change; NULL: no error */
} LifeCall;

static void life_call_free(gpointer data)
{
    LifeCall *call = data;

    g_free(call->refusal);
    g_free(call);
}

static void fail(GTask *task, GError *error)
{
    LifeCall *call = g_task_get_task_data(task);
    BailiffDomainTarget *self = g_task_get_source_object(task);

    if (call->was_paused)
        domain_target_set_quiet(self, TRUE);
    /* Who gave it up because the lease is lost waits for its end, which was told of its last life.
     */
    if (call->method == LIBVIRT_CREATE &&
        (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ||
         libvirt_calls_has(libvirt_get_calls(domain_target_get_libvirt(self)),
                           bailiff_domain_target_get_uuid(self), LIBVIRT_STARTING)))
        domain_target_tell_end_again(self);
    g_task_return_error(task, error);
}

static void on_state(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    BailiffDomainTarget *self = g_task_get_source_object(task);
    LifeCall *call = g_task_get_task_data(task);
    GError *error = NULL;
    LibvirtState state = libvirt_get_state_finish(result, &error);

    if (error != NULL) {
        fail(task, error);
        return;
    }
    if (state == LIBVIRT_STATE_RUNNING || state == LIBVIRT_STATE_BLOCKED) {
        domain_target_look(self);
        g_task_return_boolean(task, TRUE);
        return;
    }
    fail(task, bailiff_error_make(BAILIFF_ERROR_IO_ERROR,
                                  "See what libvirt says: virsh start or virsh resume, and the log "
                                  "of libvirtd.",
                                  "The domain %s does not run, it is %s.%s%s",
                                  bailiff_domain_target_get_name(self), libvirt_state_name(state),
                                  call->refusal != NULL ? " " : "",
                                  call->refusal != NULL ? call->refusal : ""));
}

static void on_changed(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    BailiffDomainTarget *self = g_task_get_source_object(task);
    LifeCall *call = g_task_get_task_data(task);
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = libvirt_calls_finish(result, &error);

    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
        fail(task, g_steal_pointer(&error));
        return;
    }
    if (error != NULL)
        call->refusal = g_strndup(error->message, strcspn(error->message, "\n"));
    libvirt_get_state_async(domain_target_get_libvirt(self), bailiff_domain_target_get_uuid(self),
                            STATE_LIMIT_MS, g_task_get_cancellable(task), on_state,
                            g_object_ref(task));
}

static void on_settled(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    BailiffDomainTarget *self = g_task_get_source_object(task);
    LifeCall *call = g_task_get_task_data(task);
    GError *error = NULL;

    if (!libvirt_settle_finish(result, &error)) {
        g_task_return_error(task, error);
        return;
    }
    if (call->method == LIBVIRT_RESUME) {
        call->was_paused = TRUE;
        domain_target_set_quiet(self, FALSE);
    }
    libvirt_calls_start(libvirt_get_calls(domain_target_get_libvirt(self)), call->method,
                        bailiff_domain_target_get_uuid(self), 0, g_task_get_cancellable(task),
                        on_changed, g_object_ref(task));
}

static void life_start(BailiffDomainTarget *self, LibvirtMethod method, GCancellable *cancellable,
                       gpointer tag, GAsyncReadyCallback callback, gpointer user_data)
{
    GTask *task = g_task_new(self, cancellable, callback, user_data);
    LifeCall *call = g_new0(LifeCall, 1);

    g_task_set_source_tag(task, tag);
    g_task_set_check_cancellable(task, FALSE);
    call->method = method;
    g_task_set_task_data(task, call, life_call_free);
    libvirt_settle_async(domain_target_get_libvirt(self), bailiff_domain_target_get_uuid(self),
                         LIBVIRT_CHANGES, cancellable, on_settled, task);
}

void bailiff_domain_target_resume_async(BailiffDomainTarget *self, GCancellable *cancellable,
                                        GAsyncReadyCallback callback, gpointer user_data)
{
    life_start(self, LIBVIRT_RESUME, cancellable, bailiff_domain_target_resume_async, callback,
               user_data);
}

gboolean bailiff_domain_target_resume_finish(BailiffDomainTarget *self, GAsyncResult *result,
                                             GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

void bailiff_domain_target_start_async(BailiffDomainTarget *self, GCancellable *cancellable,
                                       GAsyncReadyCallback callback, gpointer user_data)
{
    life_start(self, LIBVIRT_CREATE, cancellable, bailiff_domain_target_start_async, callback,
               user_data);
}

gboolean bailiff_domain_target_start_finish(BailiffDomainTarget *self, GAsyncResult *result,
                                            GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
