/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state of a domain, asked for until somebody answers.
 */
#include "actions/libvirt-domain.h"

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"

#define ASK_AGAIN_US (USEC_PER_SECOND / 2)
#define ASK_MAX 4

typedef struct StateQuestion {
    BailiffLibvirt *libvirt;
    char *uuid;
    GTask *task;               /* NULL: answered */
    GCancellable *cancellable; /* of what is still asked */
    GSource *cancelled;
    BoottimeTimer *again, *limit;
    guint n_asked, n_open;
} StateQuestion;

static void ask(StateQuestion *self);

const char *libvirt_state_name(LibvirtState state)
{
    static const char *const names[] = { "unknown",   "running", "running", "paused",
                                         "going off", "off",     "crashed", "suspended" };

    return state >= 0 && (gsize)state < G_N_ELEMENTS(names) ? names[state] : "unknown";
}

static void question_free(gpointer data)
{
    StateQuestion *self = data;

    g_object_unref(self->libvirt);
    g_object_unref(self->cancellable);
    g_free(self->uuid);
}

/* The answers that are still to come find it closed. */
static GTask *close_question(StateQuestion *self)
{
    g_clear_pointer(&self->again, boottime_timer_free);
    g_clear_pointer(&self->limit, boottime_timer_free);
    if (self->cancelled != NULL) {
        g_source_destroy(self->cancelled);
        g_clear_pointer(&self->cancelled, g_source_unref);
    }
    g_cancellable_cancel(self->cancellable);
    return g_steal_pointer(&self->task);
}

static void on_answer(GObject *source, GAsyncResult *result, gpointer user_data)
{
    StateQuestion *self = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = libvirt_calls_finish(result, &error);

    self->n_open--;
    if (self->task != NULL && reply != NULL) {
        g_autoptr(GTask) task = close_question(self);
        int state;

        g_variant_get(reply, "((ii))", &state, NULL);
        g_task_return_int(task, MAX(state, LIBVIRT_STATE_UNKNOWN));
    } else if (self->task != NULL && self->n_open == 0) {
        g_autoptr(GTask) task = close_question(self);

        g_task_return_error(task, g_steal_pointer(&error));
    }
    g_rc_box_release_full(self, question_free);
}

static void on_again(gpointer user_data)
{
    ask(user_data);
}

static void ask(StateQuestion *self)
{
    self->n_asked++;
    self->n_open++;
    if (self->n_asked < ASK_MAX)
        boottime_timer_set(self->again, time_add(boottime_now(), ASK_AGAIN_US));
    libvirt_calls_start(libvirt_get_calls(self->libvirt), LIBVIRT_GET_STATE, self->uuid, 0,
                        self->cancellable, on_answer, g_rc_box_acquire(self));
}

static void on_limit(gpointer user_data)
{
    g_autoptr(GTask) task = close_question(user_data);

    g_task_return_error(task, bailiff_error_make(BAILIFF_ERROR_IO_TIMEOUT,
                                                 "Look after libvirt: virsh list, and the log of "
                                                 "libvirtd.",
                                                 "libvirt does not say how the domain is."));
}

static gboolean on_cancelled(GCancellable *cancellable, gpointer user_data)
{
    g_autoptr(GTask) task = close_question(user_data);

    g_task_return_new_error(task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Given up.");
    return G_SOURCE_REMOVE;
}

void libvirt_get_state_async(BailiffLibvirt *libvirt, const char *uuid, guint limit_ms,
                             GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer user_data)
{
    StateQuestion *self = g_rc_box_new0(StateQuestion);

    self->libvirt = g_object_ref(libvirt);
    self->uuid = g_strdup(uuid);
    self->task = g_task_new(NULL, cancellable, callback, user_data);
    g_task_set_source_tag(self->task, libvirt_get_state_async);
    g_task_set_check_cancellable(self->task, FALSE);
    self->cancellable = g_cancellable_new();
    self->again = boottime_timer_new(on_again, self);
    if (limit_ms > 0) {
        self->limit = boottime_timer_new(on_limit, self);
        boottime_timer_set(self->limit, time_add(boottime_now(), (guint64)limit_ms * 1000));
    }
    if (cancellable != NULL) {
        self->cancelled = g_cancellable_source_new(cancellable);
        g_source_set_callback(self->cancelled, G_SOURCE_FUNC(on_cancelled), self, NULL);
        g_source_attach(self->cancelled, NULL);
    }
    ask(self);
    g_rc_box_release_full(self, question_free); /* the question that is out has it */
}

LibvirtState libvirt_get_state_finish(GAsyncResult *result, GError **error)
{
    return (LibvirtState)g_task_propagate_int(G_TASK(result), error);
}
