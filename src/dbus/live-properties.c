/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The two ways in which GDBus reads a skeleton, each preceded by a refresh.
 */
#include "dbus/live-properties.h"

typedef struct LiveClass {
    LivePropertiesRefresh refresh;
    GDBusInterfaceVTable vtable;
    GDBusInterfaceGetPropertyFunc generated_get_property;
    GVariant *(*generated_get_properties)(GDBusInterfaceSkeleton *interface);
} LiveClass;

static G_DEFINE_QUARK(bailiff - live - properties, live_class)

    static LiveClass *get_live_class(gpointer interface)
{
    return g_type_get_qdata(G_OBJECT_TYPE(interface), live_class_quark());
}

static GVariant *get_property(GDBusConnection *connection, const char *sender, const char *path,
                              const char *name, const char *property, GError **error,
                              gpointer user_data)
{
    LiveClass *live = get_live_class(user_data);
    live->refresh(user_data);
    return live->generated_get_property(connection, sender, path, name, property, error, user_data);
}

static GVariant *get_properties(GDBusInterfaceSkeleton *interface)
{
    LiveClass *live = get_live_class(interface);
    live->refresh(interface);
    return live->generated_get_properties(interface);
}

static GDBusInterfaceVTable *get_vtable(GDBusInterfaceSkeleton *interface)
{
    return &get_live_class(interface)->vtable;
}

void live_properties_install(GDBusInterfaceSkeletonClass *class, LivePropertiesRefresh refresh)
{
    LiveClass *live = g_new0(LiveClass, 1); /* lives as long as the type: for ever */

    live->refresh = refresh;
    live->vtable = *class->get_vtable(NULL); /* generated: the same for all instances */
    live->generated_get_property = live->vtable.get_property;
    live->generated_get_properties = class->get_properties;
    live->vtable.get_property = get_property;
    class->get_vtable = get_vtable;
    class->get_properties = get_properties;
    g_type_set_qdata(G_TYPE_FROM_CLASS(class), live_class_quark(), live);
}
