/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A look at storage, asked for on the bus.
 */
#include "dbus/check-methods.h"

#include "dbus/method-call.h"
#include "dbus/variant-options.h"
#include "engine/storage-check.h"

typedef struct CheckArgs {
    char *path;
    guint64 offset;
    guint32 seconds;
} CheckArgs;

static void check_args_free(gpointer data)
{
    CheckArgs *args = data;

    g_free(args->path);
    g_free(args);
}

static void check_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;
    g_autoptr(GVariant) info = storage_check_finish(result, &error);

    if (info != NULL)
        method_call_reply(call, g_variant_new("(@a{sv})", info));
    else
        method_call_fail(call, error);
}

static void check_act(MethodCall *call)
{
    const CheckArgs *args = call->args;

    storage_check_async(args->path, args->offset, args->seconds, check_done, call);
}

gboolean check_storage_method(BailiffBusService *service, gpointer target,
                              GDBusMethodInvocation *invocation, const char *path, guint64 offset,
                              GVariant *options)
{
    guint32 seconds = STORAGE_CHECK_SECONDS_DEFAULT;
    GError *error = NULL;
    CheckArgs *args;
    const VariantOption known[] = {
        { "duration", "u", &seconds, 1, STORAGE_CHECK_SECONDS_MAX },
    };

    if (!variant_options_parse(options, known, G_N_ELEMENTS(known), &error))
        return method_call_refuse(invocation, error);
    args = g_new0(CheckArgs, 1);
    args->path = g_strdup(path);
    args->offset = offset;
    args->seconds = seconds;
    return method_call_start(service, target, invocation, check_act, args, check_args_free);
}
