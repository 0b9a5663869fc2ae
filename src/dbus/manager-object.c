/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one object that is always there. Registering is in register-methods.c.
 */
#include "dbus/manager-object.h"

#include "bailiff-bus-generated.h"
#include "common/bailiff-error.h"
#include "common/protocol-version.h"
#include "dbus/check-methods.h"
#include "dbus/daemon-methods.h"
#include "dbus/join-methods.h"
#include "dbus/lockspace-object.h"
#include "dbus/method-call.h"
#include "dbus/metrics-methods.h"
#include "dbus/object-path.h"
#include "dbus/register-methods.h"
#include "dbus/variant-options.h"
#include "engine/lockspace.h"

G_DECLARE_FINAL_TYPE(BailiffManagerObject, bailiff_manager_object, BAILIFF, MANAGER_OBJECT,
                     BailiffBusManagerSkeleton)

struct _BailiffManagerObject {
    BailiffBusManagerSkeleton parent_instance;
    BailiffBusService *service; /* owns us */
};

static void manager_iface_init(BailiffBusManagerIface *iface);

G_DEFINE_TYPE_WITH_CODE(BailiffManagerObject, bailiff_manager_object,
                        BAILIFF_BUS_TYPE_MANAGER_SKELETON,
                        G_IMPLEMENT_INTERFACE(BAILIFF_BUS_TYPE_MANAGER, manager_iface_init))

/* Formatting. */

typedef struct FormatArgs {
    BailiffFormat format;
    char *path;
    char *lockspace_name;
    char *resource_name;
} FormatArgs;

static void format_args_free(FormatArgs *args)
{
    g_free(args->path);
    g_free(args->lockspace_name);
    g_free(args->resource_name);
    g_free(args);
}

static void format_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;

    if (bailiff_engine_format_finish(BAILIFF_ENGINE(source), result, &error))
        method_call_reply(call, NULL);
    else
        method_call_fail(call, error);
}

static void format_act(MethodCall *call)
{
    FormatArgs *args = call->args;
    args->format.path = args->path;
    args->format.lockspace_name = args->lockspace_name;
    args->format.resource_name = args->resource_name;
    bailiff_engine_format_async(bailiff_bus_service_get_engine(call->service), &args->format,
                                format_done, call);
}

static FormatArgs *format_args_new(const char *path, guint64 offset, const char *lockspace_name,
                                   const char *resource_name)
{
    FormatArgs *args = g_new0(FormatArgs, 1);
    args->path = g_strdup(path);
    args->lockspace_name = g_strdup(lockspace_name);
    args->resource_name = g_strdup(resource_name);
    args->format.offset = offset;
    return args;
}

static gboolean handle_format_lockspace(BailiffBusManager *object,
                                        GDBusMethodInvocation *invocation, const char *path,
                                        guint64 offset, const char *name, GVariant *options)
{
    BailiffManagerObject *self = BAILIFF_MANAGER_OBJECT(object);
    FormatArgs *args = format_args_new(path, offset, name, NULL);
    GError *error = NULL;

    const VariantOption known[] = {
        { "sector-size", "u", &args->format.sector_size, 1 },
        { "align-size", "u", &args->format.align_size, 1 },
        { "io-timeout", "u", &args->format.io_timeout, 1, 255 },
        { "overwrite", "b", &args->format.overwrite },
    };
    if (!variant_options_parse(options, known, G_N_ELEMENTS(known), &error)) {
        format_args_free(args);
        return method_call_refuse(invocation, error);
    }
    return method_call_start(self->service, self, invocation, format_act, args,
                             (GDestroyNotify)format_args_free);
}

static gboolean handle_format_resource(BailiffBusManager *object, GDBusMethodInvocation *invocation,
                                       const char *path, guint64 offset, const char *lockspace,
                                       const char *name, GVariant *options)
{
    BailiffManagerObject *self = BAILIFF_MANAGER_OBJECT(object);
    FormatArgs *args = format_args_new(path, offset, lockspace, name);
    GError *error = NULL;

    const VariantOption known[] = {
        { "sector-size", "u", &args->format.sector_size, 1 },
        { "align-size", "u", &args->format.align_size, 1 },
        { "max-hosts", "u", &args->format.max_hosts, 1 },
        { "overwrite", "b", &args->format.overwrite },
    };
    if (!variant_options_parse(options, known, G_N_ELEMENTS(known), &error)) {
        format_args_free(args);
        return method_call_refuse(invocation, error);
    }
    return method_call_start(self->service, self, invocation, format_act, args,
                             (GDestroyNotify)format_args_free);
}

/* Inspecting. */

typedef struct InspectArgs {
    char *path;
    guint64 offset;
    BailiffAreaKind kind;
} InspectArgs;

static void inspect_args_free(InspectArgs *args)
{
    g_free(args->path);
    g_free(args);
}

static void inspect_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;
    g_autoptr(GVariant) info =
        bailiff_engine_inspect_finish(BAILIFF_ENGINE(source), result, &error);

    if (info != NULL)
        method_call_reply(call, g_variant_new("(@a{sv})", info));
    else
        method_call_fail(call, error);
}

static void inspect_act(MethodCall *call)
{
    const InspectArgs *args = call->args;
    bailiff_engine_inspect_async(bailiff_bus_service_get_engine(call->service), args->path,
                                 args->offset, args->kind, inspect_done, call);
}

static gboolean inspect(BailiffBusManager *object, GDBusMethodInvocation *invocation,
                        const char *path, guint64 offset, GVariant *options, BailiffAreaKind kind)
{
    BailiffManagerObject *self = BAILIFF_MANAGER_OBJECT(object);
    GError *error = NULL;

    if (!variant_options_parse(options, NULL, 0, &error))
        return method_call_refuse(invocation, error);

    InspectArgs *args = g_new0(InspectArgs, 1);
    args->path = g_strdup(path);
    args->offset = offset;
    args->kind = kind;
    return method_call_start(self->service, self, invocation, inspect_act, args,
                             (GDestroyNotify)inspect_args_free);
}

static gboolean handle_inspect_lockspace(BailiffBusManager *object,
                                         GDBusMethodInvocation *invocation, const char *path,
                                         guint64 offset, GVariant *options)
{
    return inspect(object, invocation, path, offset, options, BAILIFF_AREA_LOCKSPACE);
}

static gboolean handle_inspect_resource(BailiffBusManager *object,
                                        GDBusMethodInvocation *invocation, const char *path,
                                        guint64 offset, GVariant *options)
{
    return inspect(object, invocation, path, offset, options, BAILIFF_AREA_RESOURCE);
}

static gboolean handle_inspect_index(BailiffBusManager *object, GDBusMethodInvocation *invocation,
                                     const char *path, guint64 offset, GVariant *options)
{
    return inspect(object, invocation, path, offset, options, BAILIFF_AREA_INDEX);
}

static gboolean handle_check_storage(BailiffBusManager *object, GDBusMethodInvocation *invocation,
                                     const char *path, guint64 offset, GVariant *options)
{
    BailiffManagerObject *self = BAILIFF_MANAGER_OBJECT(object);
    return check_storage_method(self->service, self, invocation, path, offset, options);
}

static gboolean handle_get_metrics(BailiffBusManager *object, GDBusMethodInvocation *invocation,
                                   GVariant *options)
{
    BailiffManagerObject *self = BAILIFF_MANAGER_OBJECT(object);
    return get_metrics_method(self->service, self, invocation, options);
}

static gboolean handle_reload(BailiffBusManager *object, GDBusMethodInvocation *invocation,
                              GVariant *options)
{
    BailiffManagerObject *self = BAILIFF_MANAGER_OBJECT(object);
    return reload_method(self->service, self, invocation, options);
}

static gboolean handle_reexecute(BailiffBusManager *object, GDBusMethodInvocation *invocation,
                                 GVariant *options)
{
    BailiffManagerObject *self = BAILIFF_MANAGER_OBJECT(object);
    return reexecute_method(self->service, self, invocation, options);
}

static gboolean handle_hand_over(BailiffBusManager *object, GDBusMethodInvocation *invocation,
                                 GVariant *options)
{
    BailiffManagerObject *self = BAILIFF_MANAGER_OBJECT(object);
    return hand_over_method(self->service, self, invocation, options);
}

static gboolean handle_stop(BailiffBusManager *object, GDBusMethodInvocation *invocation,
                            GVariant *options)
{
    BailiffManagerObject *self = BAILIFF_MANAGER_OBJECT(object);
    return stop_method(self->service, self, invocation, options);
}

/* Joining. */

static gboolean handle_join_lockspace(BailiffBusManager *object, GDBusMethodInvocation *invocation,
                                      const char *name, const char *path, guint64 offset,
                                      guint64 host_id, GVariant *options)
{
    BailiffManagerObject *self = BAILIFF_MANAGER_OBJECT(object);
    const BailiffJoin join = { .name = name, .path = path, .offset = offset, .host_id = host_id };

    return join_lockspace_method(self->service, self, invocation, &join, options);
}

/* Registering. */

static gboolean handle_register_process(BailiffBusManager *object,
                                        GDBusMethodInvocation *invocation, GUnixFDList *fd_list,
                                        GVariant *pidfd, const char *name, GVariant *options)
{
    BailiffManagerObject *self = BAILIFF_MANAGER_OBJECT(object);
    return register_process_method(self->service, self, invocation, fd_list,
                                   g_variant_get_handle(pidfd), name, options);
}

static gboolean handle_register_pid(BailiffBusManager *object, GDBusMethodInvocation *invocation,
                                    guint pid, const char *name, GVariant *options)
{
    BailiffManagerObject *self = BAILIFF_MANAGER_OBJECT(object);
    return register_pid_method(self->service, self, invocation, pid, name, options);
}

static gboolean handle_register_unit(BailiffBusManager *object, GDBusMethodInvocation *invocation,
                                     const char *unit, GVariant *options)
{
    BailiffManagerObject *self = BAILIFF_MANAGER_OBJECT(object);
    return register_unit_method(self->service, self, invocation, unit, options);
}

static gboolean handle_register_domain(BailiffBusManager *object, GDBusMethodInvocation *invocation,
                                       const char *uuid, GVariant *options)
{
    BailiffManagerObject *self = BAILIFF_MANAGER_OBJECT(object);
    return register_domain_method(self->service, self, invocation, uuid, options);
}

static void manager_iface_init(BailiffBusManagerIface *iface)
{
    iface->handle_format_lockspace = handle_format_lockspace;
    iface->handle_format_resource = handle_format_resource;
    iface->handle_inspect_lockspace = handle_inspect_lockspace;
    iface->handle_inspect_resource = handle_inspect_resource;
    iface->handle_inspect_index = handle_inspect_index;
    iface->handle_check_storage = handle_check_storage;
    iface->handle_get_metrics = handle_get_metrics;
    iface->handle_reload = handle_reload;
    iface->handle_reexecute = handle_reexecute;
    iface->handle_hand_over = handle_hand_over;
    iface->handle_stop = handle_stop;
    iface->handle_join_lockspace = handle_join_lockspace;
    iface->handle_register_process = handle_register_process;
    iface->handle_register_pid = handle_register_pid;
    iface->handle_register_unit = handle_register_unit;
    iface->handle_register_domain = handle_register_domain;
}

static void bailiff_manager_object_class_init(BailiffManagerObjectClass *class)
{
}

static void bailiff_manager_object_init(BailiffManagerObject *self)
{
}

static void show_watchdog(BailiffEngine *engine, GParamSpec *spec, BailiffBusManager *manager)
{
    bailiff_bus_manager_set_watchdog_state(manager, bailiff_engine_get_watchdog_state(engine));
    bailiff_bus_manager_set_watchdog_description(manager,
                                                 bailiff_engine_get_watchdog_description(engine));
}

static void show_forsaken(BailiffEngine *engine, GParamSpec *spec, BailiffBusManager *manager)
{
    g_auto(GStrv) names = bailiff_engine_list_forsaken(engine);

    bailiff_bus_manager_set_forsaken_lockspaces(manager, (const char *const *)names);
}

void bailiff_manager_object_show(BailiffBusService *service, const char *version)
{
    BailiffEngine *engine = bailiff_bus_service_get_engine(service);
    g_autoptr(BailiffManagerObject) self = g_object_new(bailiff_manager_object_get_type(), NULL);
    BailiffBusManager *manager = BAILIFF_BUS_MANAGER(self);

    self->service = service;
    bailiff_bus_manager_set_version(manager, version);
    bailiff_bus_manager_set_protocol_version(manager, BAILIFF_PROTOCOL_VERSION);
    bailiff_bus_manager_set_host_name(manager, bailiff_engine_get_host_name(engine));
    bailiff_bus_manager_set_pending_settings(manager, (const char *const[]){ NULL });
    show_watchdog(engine, NULL, manager);
    show_forsaken(engine, NULL, manager);
    g_signal_connect_object(engine, "notify::watchdog-state", G_CALLBACK(show_watchdog), self, 0);
    g_signal_connect_object(engine, "notify::forsaken-lockspaces", G_CALLBACK(show_forsaken), self,
                            0);
    bailiff_bus_service_show(service, OBJECT_PATH_MANAGER, G_DBUS_INTERFACE_SKELETON(self));
}

void bailiff_manager_object_set_pending_settings(BailiffBusService *service, char **settings)
{
    BailiffBusManager *manager =
        bailiff_bus_service_find(service, OBJECT_PATH_MANAGER, bailiff_manager_object_get_type());

    g_return_if_fail(manager != NULL);
    bailiff_bus_manager_set_pending_settings(manager, (const char *const *)settings);
}
