/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One action on one domain, from its beginning to its one answer.
 */
#include "actions/domain-action.h"

#include <string.h>

#include "common/bailiff-error.h"
#include "common/boottime-timer.h"

static void domain_action_free(gpointer data)
{
    DomainAction *self = data;

    g_object_unref(self->cancellable);
    g_object_unref(self->target);
}

DomainAction *domain_action_ref(DomainAction *self)
{
    return g_rc_box_acquire(self);
}

void domain_action_unref(DomainAction *self)
{
    g_rc_box_release_full(self, domain_action_free);
}

void domain_action_set_silence(DomainAction *self, const char *silence)
{
    self->silence = silence;
}

void domain_action_return(DomainAction *self, ActionOutcome outcome, const char *format, ...)
{
    g_autofree char *detail = NULL;
    va_list arguments;

    if (self->done)
        return;
    self->done = TRUE;
    va_start(arguments, format);
    detail = g_strdup_vprintf(format, arguments);
    va_end(arguments);

    g_clear_signal_handler(&self->ended_handler, self->target);
    boottime_timer_free(g_steal_pointer(&self->limit));
    if (self->cancelled != NULL) {
        g_source_destroy(self->cancelled);
        g_clear_pointer(&self->cancelled, g_source_unref);
    }
    g_cancellable_cancel(self->cancellable);
    /* The caller may be called from in here. */
    action_return(g_steal_pointer(&self->task), outcome, "%s", detail);
    domain_action_unref(self);
}

void domain_action_return_error(DomainAction *self, const char *what, const GError *error)
{
    domain_action_return(self, ACTION_FAILED, "%s: %.*s", what, (int)strcspn(error->message, "\n"),
                         error->message);
}

void domain_action_call(DomainAction *self, LibvirtMethod method, GAsyncReadyCallback callback)
{
    libvirt_calls_start(libvirt_get_calls(domain_target_get_libvirt(self->target)), method,
                        bailiff_domain_target_get_uuid(self->target), 0, self->cancellable,
                        callback, domain_action_ref(self));
}

gboolean domain_action_may_be_started(DomainAction *self)
{
    return libvirt_calls_has(libvirt_get_calls(domain_target_get_libvirt(self->target)),
                             bailiff_domain_target_get_uuid(self->target), LIBVIRT_STARTING);
}

static void no_answer(DomainAction *self)
{
    domain_action_return(self, ACTION_FAILED, "%s", self->silence);
}

static void on_limit(gpointer user_data)
{
    no_answer(user_data);
}

static gboolean on_cancelled(GCancellable *cancellable, gpointer user_data)
{
    no_answer(user_data);
    return G_SOURCE_REMOVE;
}

static void on_ended(BailiffTarget *target, DomainAction *self)
{
    domain_action_return(self, ACTION_WORKED, "its process has ended");
}

/* `done` and its own reference keep it until domain_action_return(). */
static void begin(DomainAction *self, const ActionRequest *request)
{
    GCancellable *cancellable = g_task_get_cancellable(self->task);
    BoottimeTimer *limit = boottime_timer_new(on_limit, self);

    self->limit = limit;
    boottime_timer_set(limit, request->until_us);
    self->ended_handler = g_signal_connect(self->target, "ended", G_CALLBACK(on_ended), self);
    if (cancellable == NULL)
        return;
    self->cancelled = g_cancellable_source_new(cancellable);
    g_source_set_callback(self->cancelled, G_SOURCE_FUNC(on_cancelled), self, NULL);
    g_source_set_priority(self->cancelled, G_PRIORITY_HIGH);
    g_source_attach(self->cancelled, NULL);
}

DomainAction *domain_action_new(const ActionServices *services, const ActionRequest *request,
                                GTask *task)
{
    BailiffDomainTarget *target;
    const ProcessIdentity *process;
    DomainAction *self;

    if (!BAILIFF_IS_DOMAIN_TARGET(request->target)) {
        action_return(task, ACTION_FAILED, "not an action for %s",
                      bailiff_target_get_description(request->target));
        return NULL;
    }
    target = BAILIFF_DOMAIN_TARGET(request->target);
    domain_target_look(target);
    process = bailiff_target_get_process(request->target);
    if (bailiff_target_has_ended(request->target)) {
        action_return(task, ACTION_WORKED, "its process has ended");
        return NULL;
    }
    if (process == NULL) {
        action_return(task, ACTION_FAILED, "no process of it is known");
        return NULL;
    }
    if (g_cancellable_is_cancelled(g_task_get_cancellable(task))) {
        action_return(task, ACTION_FAILED, "given up before it began");
        return NULL;
    }
    if (services->libvirt == NULL) {
        action_return(task, ACTION_FAILED, "libvirt is not used here");
        return NULL;
    }
    self = g_rc_box_new0(DomainAction);
    self->target = g_object_ref(target);
    self->task = task;
    self->cancellable = g_cancellable_new();
    self->process = *process;
    self->silence = "nothing was done";
    begin(self, request);
    return domain_action_ref(self);
}

gboolean domain_action_is_same_process(DomainAction *self)
{
    const ProcessIdentity *now;

    domain_target_look(self->target);
    now = bailiff_target_get_process(BAILIFF_TARGET(self->target));
    return now != NULL && now->pid == self->process.pid &&
           now->start_time == self->process.start_time && !process_identity_has_ended(now);
}
