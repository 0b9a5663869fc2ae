/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lockspace: the part that others see. How the host lease is kept is in lockspace-lease.c, the
 * table of its resources in lockspace-resources.c.
 */
#include "engine/lockspace-private.h"

#include "common/boottime.h"
#include "engine/engine-private.h"
#include "engine/host-private.h"
#include "engine/resource.h"
#include "lease/lease-timing.h"

G_DEFINE_TYPE(BailiffLockspace, bailiff_lockspace, G_TYPE_OBJECT)

enum {
    PROP_STATE = 1,
    PROP_REASON,
    PROP_HOST_ID,
    PROP_GENERATION,
    PROP_SECTOR_SIZE,
    PROP_ALIGN_SIZE,
    PROP_JOIN_ENDS_AT,
    N_PROPS,
};

enum {
    SIGNAL_HOST_ADDED,
    SIGNAL_HOST_STATE_CHANGED,
    SIGNAL_RESOURCE_ADDED,
    SIGNAL_RESOURCE_REMOVED,
    SIGNAL_REGISTRATIONS_CHANGED,
    SIGNAL_RENEWAL_LATE,
    SIGNAL_LEASE_LOST,
    SIGNAL_HOST_EVENT,
    SIGNAL_RENEWAL_ENDED,
    N_SIGNALS,
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

const char *bailiff_lockspace_state_name(BailiffLockspaceState state)
{
    static const char *const names[] = {
        [BAILIFF_LOCKSPACE_JOINING] = "joining", [BAILIFF_LOCKSPACE_HELD] = "held",
        [BAILIFF_LOCKSPACE_LATE] = "late",       [BAILIFF_LOCKSPACE_FAILING] = "failing",
        [BAILIFF_LOCKSPACE_LEAVING] = "leaving", [BAILIFF_LOCKSPACE_LOST] = "lost",
    };

    g_return_val_if_fail((gsize)state < G_N_ELEMENTS(names), "lost");
    return names[state];
}

static void bailiff_lockspace_get_property(GObject *object, guint id, GValue *value,
                                           GParamSpec *spec)
{
    BailiffLockspace *self = BAILIFF_LOCKSPACE(object);

    switch (id) {
    case PROP_STATE:
        g_value_set_int(value, (int)self->state);
        break;
    case PROP_REASON:
        g_value_set_string(value, self->reason);
        break;
    case PROP_HOST_ID:
        g_value_set_uint64(value, self->host_id);
        break;
    case PROP_GENERATION:
        g_value_set_uint64(value, self->generation);
        break;
    case PROP_SECTOR_SIZE:
        g_value_set_uint(value, self->layout.sector_size);
        break;
    case PROP_ALIGN_SIZE:
        g_value_set_uint(value, self->layout.align_size);
        break;
    case PROP_JOIN_ENDS_AT:
        g_value_set_uint64(value, self->join_ends_us);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void bailiff_lockspace_dispose(GObject *object)
{
    BailiffLockspace *self = BAILIFF_LOCKSPACE(object);

    bailiff_lockspace_stop_timers(self);
    /* The end of the engine is no proof that it is safe: the watchdog was left as it was. */
    g_clear_pointer(&self->guard, watchdog_guard_forget);
    bailiff_lockspace_end_events(self);
    g_clear_pointer(&self->renewal_worker, lease_worker_unref);
    g_clear_pointer(&self->resource_worker, lease_worker_unref);
    g_hash_table_remove_all(self->hosts);
    g_hash_table_remove_all(self->resources);
    G_OBJECT_CLASS(bailiff_lockspace_parent_class)->dispose(object);
}

static void bailiff_lockspace_finalize(GObject *object)
{
    BailiffLockspace *self = BAILIFF_LOCKSPACE(object);

    g_free(self->name);
    g_free(self->path);
    g_free(self->reason);
    g_free(self->choice);
    g_clear_error(&self->join_error);
    g_clear_object(&self->cancellable);
    g_clear_pointer(&self->device, block_device_unref);
    device_openers_unref(self->openers);
    g_clear_pointer(&self->sight, lease_sight_unref);
    write_permit_unref(self->permit);
    write_permit_unref(self->resource_permit);
    g_hash_table_unref(self->hosts);
    g_hash_table_unref(self->resources);
    turn_queues_free(self->turns);
    g_hash_table_unref(self->persistent);
    g_ptr_array_unref(self->leave_tasks);
    g_clear_pointer(&self->saved, saved_lockspace_free);
    renewal_history_clear(&self->history);
    G_OBJECT_CLASS(bailiff_lockspace_parent_class)->finalize(object);
}

static void install_signals(GType type)
{
    signals[SIGNAL_HOST_ADDED] = g_signal_new("host-added", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                              NULL, G_TYPE_NONE, 1, BAILIFF_TYPE_HOST);
    signals[SIGNAL_HOST_STATE_CHANGED] =
        g_signal_new("host-state-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                     G_TYPE_NONE, 3, BAILIFF_TYPE_HOST, G_TYPE_INT, G_TYPE_INT);
    signals[SIGNAL_RESOURCE_ADDED] =
        g_signal_new("resource-added", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                     BAILIFF_TYPE_RESOURCE);
    signals[SIGNAL_RESOURCE_REMOVED] =
        g_signal_new("resource-removed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                     1, BAILIFF_TYPE_RESOURCE);
    signals[SIGNAL_REGISTRATIONS_CHANGED] = g_signal_new(
        "registrations-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_RENEWAL_LATE] =
        g_signal_new("renewal-late", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                     G_TYPE_UINT64, G_TYPE_STRING);
    signals[SIGNAL_LEASE_LOST] = g_signal_new("lease-lost", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                              NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
    signals[SIGNAL_RENEWAL_ENDED] =
        g_signal_new("renewal-ended", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                     G_TYPE_BOOLEAN, G_TYPE_UINT64);
    signals[SIGNAL_HOST_EVENT] =
        g_signal_new("host-event", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 4,
                     G_TYPE_UINT64, G_TYPE_UINT64, G_TYPE_UINT64, G_TYPE_UINT64);
}

static void bailiff_lockspace_class_init(BailiffLockspaceClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

    object_class->get_property = bailiff_lockspace_get_property;
    object_class->dispose = bailiff_lockspace_dispose;
    object_class->finalize = bailiff_lockspace_finalize;

    props[PROP_STATE] = g_param_spec_int("state", NULL, NULL, 0, BAILIFF_LOCKSPACE_LOST, 0, flags);
    props[PROP_REASON] = g_param_spec_string("reason", NULL, NULL, "", flags);
    props[PROP_HOST_ID] = g_param_spec_uint64("host-id", NULL, NULL, 0, G_MAXUINT64, 0, flags);
    props[PROP_GENERATION] =
        g_param_spec_uint64("generation", NULL, NULL, 0, G_MAXUINT64, 0, flags);
    props[PROP_SECTOR_SIZE] = g_param_spec_uint("sector-size", NULL, NULL, 0, G_MAXUINT, 0, flags);
    props[PROP_ALIGN_SIZE] = g_param_spec_uint("align-size", NULL, NULL, 0, G_MAXUINT, 0, flags);
    props[PROP_JOIN_ENDS_AT] =
        g_param_spec_uint64("join-ends-at", NULL, NULL, 0, G_MAXUINT64, 0, flags);
    g_object_class_install_properties(object_class, N_PROPS, props);
    install_signals(G_TYPE_FROM_CLASS(klass));
}

static void bailiff_lockspace_init(BailiffLockspace *self)
{
    self->reason = g_strdup("");
    self->openers = device_openers_new();
    self->hosts = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_object_unref);
    self->resources = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_object_unref);
    self->leave_tasks = g_ptr_array_new_with_free_func(g_object_unref);
    self->permit = write_permit_new();
    self->resource_permit = write_permit_new();
    self->turns = turn_queues_new();
    self->persistent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

BailiffLockspace *bailiff_lockspace_new(BailiffEngine *engine, const char *name, const char *path,
                                        guint64 offset, guint64 host_id, guint32 io_timeout)
{
    BailiffLockspace *self = g_object_new(BAILIFF_TYPE_LOCKSPACE, NULL);

    self->engine = engine;
    self->name = g_strdup(name);
    self->path = g_strdup(path);
    self->offset = offset;
    self->host_id = host_id;
    self->io_timeout = io_timeout;
    return self;
}

void bailiff_lockspace_set_state(BailiffLockspace *self, BailiffLockspaceState state,
                                 const char *reason)
{
    g_object_freeze_notify(G_OBJECT(self));
    if (g_strcmp0(self->reason, reason) != 0) {
        g_free(self->reason);
        self->reason = g_strdup(reason);
        g_object_notify_by_pspec(G_OBJECT(self), props[PROP_REASON]);
    }
    if (self->state != state) {
        self->state = state;
        g_object_notify_by_pspec(G_OBJECT(self), props[PROP_STATE]);
    }
    g_object_thaw_notify(G_OBJECT(self));
    if (state != BAILIFF_LOCKSPACE_HELD && state != BAILIFF_LOCKSPACE_LATE)
        bailiff_lockspace_end_events(self);
    if (state == BAILIFF_LOCKSPACE_FAILING || state == BAILIFF_LOCKSPACE_LEAVING ||
        state == BAILIFF_LOCKSPACE_LOST)
        turn_wake_all(self->turns, boottime_now());
    if (self->engine != NULL)
        bailiff_engine_lockspace_changed(self->engine, self);
}

void bailiff_lockspace_set_host_id(BailiffLockspace *self, guint64 host_id)
{
    self->host_id = host_id;
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_HOST_ID]);
}

void bailiff_lockspace_set_joined(BailiffLockspace *self, guint64 generation, const Layout *layout)
{
    g_object_freeze_notify(G_OBJECT(self));
    self->generation = generation;
    self->layout = *layout;
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_GENERATION]);
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_SECTOR_SIZE]);
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_ALIGN_SIZE]);
    g_object_thaw_notify(G_OBJECT(self));
}

void bailiff_lockspace_set_join_ends(BailiffLockspace *self, guint64 join_ends_us)
{
    if (self->join_ends_us == join_ends_us)
        return;
    self->join_ends_us = join_ends_us;
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_JOIN_ENDS_AT]);
}

void bailiff_lockspace_emit_renewal_late(BailiffLockspace *self, guint64 seconds_left,
                                         const char *reason)
{
    g_signal_emit(self, signals[SIGNAL_RENEWAL_LATE], 0, seconds_left, reason);
}

void bailiff_lockspace_emit_lease_lost(BailiffLockspace *self, const char *reason)
{
    g_signal_emit(self, signals[SIGNAL_LEASE_LOST], 0, reason);
}

void bailiff_lockspace_emit_renewal_ended(BailiffLockspace *self, gboolean worked, guint64 took_us)
{
    g_signal_emit(self, signals[SIGNAL_RENEWAL_ENDED], 0, worked, took_us);
}

void bailiff_lockspace_emit_host_event(BailiffLockspace *self, const HostEventIn *event)
{
    g_signal_emit(self, signals[SIGNAL_HOST_EVENT], 0, event->host_id, event->generation,
                  event->event, event->data);
}

void bailiff_lockspace_update_hosts(BailiffLockspace *self)
{
    HostView view = { .host_id = 0 };

    while (lease_sight_next_host(self->sight, view.host_id, &view)) {
        guint64 id = view.host_id;
        BailiffHost *host;
        HostState state, old;

        if (!host_view_used(&view))
            continue;
        state = host_view_state(&view, self->host_id);
        host = g_hash_table_lookup(self->hosts, &id);
        if (host == NULL) {
            host = bailiff_host_new(id);
            bailiff_host_update(host, &view, state);
            g_hash_table_insert(self->hosts, g_memdup2(&id, sizeof id), host);
            g_signal_emit(self, signals[SIGNAL_HOST_ADDED], 0, host);
            continue;
        }
        old = bailiff_host_update(host, &view, state);
        if (old != state)
            g_signal_emit(self, signals[SIGNAL_HOST_STATE_CHANGED], 0, host, (int)old, (int)state);
    }
}

void bailiff_lockspace_describe(BailiffLockspace *self, LeaseErrorContext *ret)
{
    *ret = (LeaseErrorContext){
        .path = self->path,
        .offset = self->offset,
        .lockspace = self->name,
        .host_id = self->host_id,
        .io_timeout = self->io_timeout,
    };
}

void bailiff_lockspace_publish_resource(BailiffLockspace *self, BailiffResource *resource)
{
    g_signal_emit(self, signals[SIGNAL_RESOURCE_ADDED], 0, resource);
}

void bailiff_lockspace_emit_resource_removed(BailiffLockspace *self, BailiffResource *resource)
{
    g_signal_emit(self, signals[SIGNAL_RESOURCE_REMOVED], 0, resource);
}

void bailiff_lockspace_registrations_changed(BailiffLockspace *self)
{
    g_signal_emit(self, signals[SIGNAL_REGISTRATIONS_CHANGED], 0);
}

const char *bailiff_lockspace_get_name(BailiffLockspace *self)
{
    return self->name;
}

const char *bailiff_lockspace_get_path(BailiffLockspace *self)
{
    return self->path;
}

guint64 bailiff_lockspace_get_offset(BailiffLockspace *self)
{
    return self->offset;
}

guint64 bailiff_lockspace_get_host_id(BailiffLockspace *self)
{
    return self->host_id;
}

gboolean bailiff_lockspace_get_chooses_host_id(BailiffLockspace *self)
{
    return self->choice != NULL;
}

const GError *bailiff_lockspace_get_join_error(BailiffLockspace *self)
{
    return self->join_error;
}

guint64 bailiff_lockspace_get_generation(BailiffLockspace *self)
{
    return self->generation;
}

guint32 bailiff_lockspace_get_sector_size(BailiffLockspace *self)
{
    return self->layout.sector_size;
}

guint32 bailiff_lockspace_get_align_size(BailiffLockspace *self)
{
    return self->layout.align_size;
}

guint32 bailiff_lockspace_get_io_timeout(BailiffLockspace *self)
{
    return self->io_timeout;
}

BailiffLockspaceState bailiff_lockspace_get_state(BailiffLockspace *self)
{
    return self->state;
}

const char *bailiff_lockspace_get_reason(BailiffLockspace *self)
{
    return self->reason;
}

guint64 bailiff_lockspace_get_join_ends_at(BailiffLockspace *self)
{
    return self->join_ends_us;
}

guint64 bailiff_lockspace_get_last_renewal(BailiffLockspace *self)
{
    return self->last_renewal_us;
}

static guint64 deadline(BailiffLockspace *self, guint64 after_us)
{
    return self->last_renewal_us == 0 ? 0 : time_add(self->last_renewal_us, after_us);
}

guint64 bailiff_lockspace_get_late_at(BailiffLockspace *self)
{
    return deadline(self, timing_late(self->io_timeout));
}

guint64 bailiff_lockspace_get_fail_at(BailiffLockspace *self)
{
    return deadline(self, timing_fail(self->io_timeout));
}

guint64 bailiff_lockspace_get_free_at(BailiffLockspace *self)
{
    return deadline(self, timing_free(self->io_timeout));
}

GPtrArray *bailiff_lockspace_list_hosts(BailiffLockspace *self)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_object_unref);
    GHashTableIter iter;
    gpointer host;

    g_hash_table_iter_init(&iter, self->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &host))
        g_ptr_array_add(list, g_object_ref(host));
    return list;
}

GVariant *bailiff_lockspace_get_renewal_history(BailiffLockspace *self, guint max)
{
    return renewal_history_to_variant(&self->history, max);
}
