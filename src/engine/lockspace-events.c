/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events from and to other hosts of a lockspace, and the bits that point to requests. They travel
 * with renewals: what is sent is carried by the next one, which is made at once, and what has
 * arrived is found by the one that reads it.
 *
 * A renewal may be made at any time: its interval is the longest time between two, not the
 * shortest. But each must change the time stamp, which counts seconds, so there is at most one a
 * second however much is sent.
 *
 * A call is answered by the renewal that carried its event and reached the disk. A renewal that
 * failed may have reached it too; its calls wait for the next one, which carries the same, until
 * the lockspace is lost or left.
 */
#include "engine/lockspace-private.h"

#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "engine/host.h"
#include "lease/host-outbox.h"

struct LockspaceEvents {
    HostOutbox outbox;
    HostOutboxMark *marks;
    HostEventOut composed;
    GPtrArray *waiting; /* GTask (its data: the BailiffHostEvent): not carried by any renewal yet */
    GPtrArray *carried; /* GTask: carried by a renewal that has not worked yet */
};

static LockspaceEvents *get_events(BailiffLockspace *self)
{
    if (self->events == NULL) {
        LockspaceEvents *events = g_new0(LockspaceEvents, 1);

        events->marks = g_new0(HostOutboxMark, self->layout.max_hosts);
        host_outbox_init(&events->outbox, events->marks, self->layout.max_hosts, self->host_id,
                         self->io_timeout);
        events->waiting = g_ptr_array_new_with_free_func(g_object_unref);
        events->carried = g_ptr_array_new_with_free_func(g_object_unref);
        self->events = events;
    }
    return self->events;
}

/* Takes the tasks out of `list` first: an answer can lead to new ones. */
static void answer_all(GPtrArray **list, const GError *error)
{
    g_autoptr(GPtrArray) tasks = g_steal_pointer(list);

    *list = g_ptr_array_new_with_free_func(g_object_unref);
    for (guint i = 0; i < tasks->len; i++) {
        if (error != NULL)
            g_task_return_error(tasks->pdata[i], g_error_copy(error));
        else
            g_task_return_boolean(tasks->pdata[i], TRUE);
    }
}

void bailiff_lockspace_end_events(BailiffLockspace *self)
{
    LockspaceEvents *events = g_steal_pointer(&self->events);
    g_autoptr(GError) error = NULL;

    if (events == NULL)
        return;
    error = bailiff_error_make(BAILIFF_ERROR_LOST, "Join the lockspace again, then send it again.",
                               "Lockspace %s was left or lost before the event was on disk.",
                               self->name);
    answer_all(&events->carried, error);
    answer_all(&events->waiting, error);
    g_ptr_array_unref(events->carried);
    g_ptr_array_unref(events->waiting);
    g_free(events->marks);
    g_free(events);
}

/* --- carrying -------------------------------------------------------------------------------- */

const HostEventOut *bailiff_lockspace_compose_events(BailiffLockspace *self)
{
    LockspaceEvents *events = self->events;

    if (events == NULL)
        return NULL;
    host_outbox_compose(&events->outbox, boottime_now(), &events->composed);
    g_ptr_array_extend_and_steal(events->carried, g_steal_pointer(&events->waiting));
    events->waiting = g_ptr_array_new_with_free_func(g_object_unref);
    return &events->composed;
}

void bailiff_lockspace_carried_events(BailiffLockspace *self)
{
    if (self->events == NULL)
        return;
    host_outbox_carried(&self->events->outbox, self->last_renewal_us);
    answer_all(&self->events->carried, NULL);
}

gboolean bailiff_lockspace_has_events_waiting(BailiffLockspace *self)
{
    return self->events != NULL && self->events->waiting->len > 0;
}

/* --- sending --------------------------------------------------------------------------------- */

static gboolean check_addressee(BailiffLockspace *self, guint64 host_id, GError **error)
{
    BailiffHost *host = g_hash_table_lookup(self->hosts, &host_id);
    HostState state = host != NULL ? bailiff_host_get_state(host) : HOST_FREE;

    if (host_id == BAILIFF_ALL_HOSTS)
        return TRUE;
    if (host_id == self->host_id) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Choose another host.",
                          "Host id %" G_GUINT64_FORMAT
                          " of lockspace %s is this host: a host sends no events to itself.",
                          host_id, self->name);
        return FALSE;
    }
    if (state == HOST_FREE || state == HOST_DEAD) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, "Look at the hosts of the lockspace.",
                          "Host id %" G_GUINT64_FORMAT
                          " of lockspace %s is %s: there is nobody to read an event.",
                          host_id, self->name, host_state_name(state));
        return FALSE;
    }
    return TRUE;
}

/* Who waits for the renewal that carries an event to `host_id` would wait for nothing. */
static void fail_withdrawn(BailiffLockspace *self, guint64 host_id)
{
    g_autoptr(GPtrArray) tasks = g_steal_pointer(&self->events->waiting);

    self->events->waiting = g_ptr_array_new_with_free_func(g_object_unref);
    for (guint i = 0; i < tasks->len; i++) {
        const BailiffHostEvent *event = g_task_get_task_data(tasks->pdata[i]);

        if (event->event != 0 && (host_id == BAILIFF_ALL_HOSTS || event->host_id == host_id))
            g_task_return_new_error(tasks->pdata[i], BAILIFF_ERROR, BAILIFF_ERROR_BUSY,
                                    "The event was replaced or withdrawn by another call before it "
                                    "was on disk.\nSend it again if it is still wanted.");
        else
            g_ptr_array_add(self->events->waiting, g_object_ref(tasks->pdata[i]));
    }
}

/* FALSE: another event is in the way. */
static gboolean put_event(BailiffLockspace *self, const BailiffHostEvent *event)
{
    HostOutbox *outbox = &get_events(self)->outbox;
    gboolean same = event->generation == outbox->generation && event->event == outbox->event &&
                    event->data == outbox->data;

    if (event->event == 0)
        host_outbox_withdraw(outbox, event->host_id);
    else if (!host_outbox_send(outbox, event->host_id, event->generation, event->event, event->data,
                               event->replace, boottime_now()))
        return FALSE;
    if (event->event == 0)
        fail_withdrawn(self, event->host_id);
    else if (!same)
        fail_withdrawn(self, BAILIFF_ALL_HOSTS);
    return TRUE;
}

void bailiff_lockspace_send_event_async(BailiffLockspace *self, const BailiffHostEvent *event,
                                        GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    GError *error = NULL;

    g_task_set_task_data(task, g_memdup2(event, sizeof *event), g_free);
    if (!bailiff_lockspace_check_usable(self, &error) ||
        !check_addressee(self, event->host_id, &error)) {
        g_task_return_error(task, error);
        return;
    }
    if (!put_event(self, event)) {
        g_task_return_error(
            task, bailiff_error_make(
                      BAILIFF_ERROR_BUSY, "Wait, or call with the option replace.",
                      "Another event of this host in lockspace %s is less than %u seconds old: "
                      "there is one at a time, and not all may have read it.",
                      self->name, 6 * self->io_timeout));
        return;
    }
    g_ptr_array_add(self->events->waiting, g_steal_pointer(&task));
    bailiff_lockspace_renew_soon(self);
}

void bailiff_lockspace_notify_async(BailiffLockspace *self, guint64 host_id,
                                    GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    const BailiffHostEvent no_event = { .host_id = host_id };
    GError *error = NULL;

    g_task_set_task_data(task, g_memdup2(&no_event, sizeof no_event), g_free);
    if (!bailiff_lockspace_check_usable(self, &error)) {
        g_task_return_error(task, error);
        return;
    }
    host_outbox_request(&get_events(self)->outbox, host_id);
    g_ptr_array_add(self->events->waiting, g_steal_pointer(&task));
    bailiff_lockspace_renew_soon(self);
}

gboolean bailiff_lockspace_send_event_finish(BailiffLockspace *self, GAsyncResult *result,
                                             GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

/* --- arriving -------------------------------------------------------------------------------- */

void bailiff_lockspace_deliver_events(BailiffLockspace *self)
{
    g_autoptr(GArray) arrived = lease_sight_take_events(self->sight);

    for (guint i = 0; i < arrived->len; i++)
        bailiff_lockspace_emit_host_event(self, &g_array_index(arrived, HostEventIn, i));
}
