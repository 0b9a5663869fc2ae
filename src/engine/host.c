/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host of a lockspace.
 */
#include "engine/host-private.h"

#include "engine/lease-error.h"

struct _BailiffHost {
    GObject parent_instance;

    guint64 host_id;
    guint64 generation;
    char *host_name;
    HostState state;
    guint64 last_seen_us;
    guint32 io_timeout;
};

G_DEFINE_TYPE(BailiffHost, bailiff_host, G_TYPE_OBJECT)

enum {
    PROP_GENERATION = 1,
    PROP_HOST_NAME,
    PROP_STATE,
    PROP_IO_TIMEOUT,
    N_PROPS,
};

static GParamSpec *props[N_PROPS];

static void bailiff_host_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    BailiffHost *self = BAILIFF_HOST(object);

    switch (id) {
    case PROP_GENERATION:
        g_value_set_uint64(value, self->generation);
        break;
    case PROP_HOST_NAME:
        g_value_set_string(value, self->host_name);
        break;
    case PROP_STATE:
        g_value_set_int(value, (int)self->state);
        break;
    case PROP_IO_TIMEOUT:
        g_value_set_uint(value, self->io_timeout);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void bailiff_host_finalize(GObject *object)
{
    g_free(BAILIFF_HOST(object)->host_name);
    G_OBJECT_CLASS(bailiff_host_parent_class)->finalize(object);
}

static void bailiff_host_class_init(BailiffHostClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

    object_class->get_property = bailiff_host_get_property;
    object_class->finalize = bailiff_host_finalize;
    props[PROP_GENERATION] =
        g_param_spec_uint64("generation", NULL, NULL, 0, G_MAXUINT64, 0, flags);
    props[PROP_HOST_NAME] = g_param_spec_string("host-name", NULL, NULL, "", flags);
    props[PROP_STATE] = g_param_spec_int("state", NULL, NULL, 0, HOST_DEAD, 0, flags);
    props[PROP_IO_TIMEOUT] = g_param_spec_uint("io-timeout", NULL, NULL, 0, G_MAXUINT, 0, flags);
    g_object_class_install_properties(object_class, N_PROPS, props);
}

static void bailiff_host_init(BailiffHost *self)
{
    self->host_name = g_strdup("");
}

BailiffHost *bailiff_host_new(guint64 host_id)
{
    BailiffHost *self = g_object_new(BAILIFF_TYPE_HOST, NULL);

    self->host_id = host_id;
    return self;
}

HostState bailiff_host_update(BailiffHost *self, const HostView *view, HostState state)
{
    HostState old = self->state;
    g_autofree char *name = printable_from_disk(view->host_name);

    g_object_freeze_notify(G_OBJECT(self));
    self->last_seen_us = view->last_live_us;
    if (self->generation != view->generation) {
        self->generation = view->generation;
        g_object_notify_by_pspec(G_OBJECT(self), props[PROP_GENERATION]);
    }
    if (g_strcmp0(self->host_name, name) != 0) {
        g_free(self->host_name);
        self->host_name = g_steal_pointer(&name);
        g_object_notify_by_pspec(G_OBJECT(self), props[PROP_HOST_NAME]);
    }
    if (self->state != state) {
        self->state = state;
        g_object_notify_by_pspec(G_OBJECT(self), props[PROP_STATE]);
    }
    if (self->io_timeout != view->io_timeout) {
        self->io_timeout = view->io_timeout;
        g_object_notify_by_pspec(G_OBJECT(self), props[PROP_IO_TIMEOUT]);
    }
    g_object_thaw_notify(G_OBJECT(self));
    return old;
}

guint64 bailiff_host_get_host_id(BailiffHost *self)
{
    return self->host_id;
}

guint64 bailiff_host_get_generation(BailiffHost *self)
{
    return self->generation;
}

const char *bailiff_host_get_host_name(BailiffHost *self)
{
    return self->host_name;
}

HostState bailiff_host_get_state(BailiffHost *self)
{
    return self->state;
}

guint64 bailiff_host_get_last_seen(BailiffHost *self)
{
    return self->last_seen_us;
}

guint32 bailiff_host_get_io_timeout(BailiffHost *self)
{
    return self->io_timeout;
}
