/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The value of a resource on the bus.
 */
#include "dbus/value-methods.h"

#include "dbus/method-call.h"
#include "dbus/variant-options.h"

typedef struct ValueArgs {
    BailiffResource *resource;
    GBytes *value; /* to be written */
} ValueArgs;

static void value_args_free(gpointer data)
{
    ValueArgs *args = data;

    g_object_unref(args->resource);
    g_clear_pointer(&args->value, g_bytes_unref);
    g_free(args);
}

static void read_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;
    g_autoptr(GBytes) value =
        bailiff_resource_read_value_finish(BAILIFF_RESOURCE(source), result, &error);

    if (value == NULL)
        method_call_fail(call, error);
    else
        method_call_reply(
            call, g_variant_new("(@ay)",
                                g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, value, TRUE)));
}

static void read_act(MethodCall *call)
{
    const ValueArgs *args = call->args;

    bailiff_resource_read_value_async(args->resource, read_done, call);
}

static void write_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;

    if (bailiff_resource_write_value_finish(BAILIFF_RESOURCE(source), result, &error))
        method_call_reply(call, NULL);
    else
        method_call_fail(call, error);
}

static void write_act(MethodCall *call)
{
    const ValueArgs *args = call->args;
    gsize length;
    const guint8 *data = g_bytes_get_data(args->value, &length);

    bailiff_resource_write_value_async(args->resource, data, length, write_done, call);
}

static gboolean start(BailiffBusService *service, gpointer target,
                      GDBusMethodInvocation *invocation, BailiffResource *resource, GVariant *value,
                      GVariant *options)
{
    GError *error = NULL;
    ValueArgs *args;

    if (!variant_options_parse(options, NULL, 0, &error))
        return method_call_refuse(invocation, error);
    args = g_new0(ValueArgs, 1);
    args->resource = g_object_ref(resource);
    args->value = value != NULL ? g_variant_get_data_as_bytes(value) : NULL;
    return method_call_start(service, target, invocation, value != NULL ? write_act : read_act,
                             args, value_args_free);
}

gboolean read_value_method(BailiffBusService *service, gpointer target,
                           GDBusMethodInvocation *invocation, BailiffResource *resource,
                           GVariant *options)
{
    return start(service, target, invocation, resource, NULL, options);
}

gboolean write_value_method(BailiffBusService *service, gpointer target,
                            GDBusMethodInvocation *invocation, BailiffResource *resource,
                            GVariant *value, GVariant *options)
{
    return start(service, target, invocation, resource, value, options);
}
