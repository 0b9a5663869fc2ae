/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests for resources that others hold, and the look at those for what is held here.
 */
#include "dbus/request-methods.h"

#include "common/bailiff-error.h"
#include "dbus/method-call.h"
#include "dbus/variant-options.h"

typedef struct RequestArgs {
    BailiffLockspace *lockspace;
    char *resource, *path;
    BailiffReleaseRequest request; /* its strings are those two */
} RequestArgs;

static void request_args_free(gpointer data)
{
    RequestArgs *args = data;

    g_object_unref(args->lockspace);
    g_free(args->resource);
    g_free(args->path);
    g_free(args);
}

static void request_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;

    if (bailiff_lockspace_request_release_finish(BAILIFF_LOCKSPACE(source), result, &error))
        method_call_reply(call, NULL);
    else
        method_call_fail(call, error);
}

static void request_act(MethodCall *call)
{
    RequestArgs *args = call->args;

    bailiff_lockspace_request_release_async(args->lockspace, &args->request, request_done, call);
}

static gboolean parse_request(BailiffReleaseRequest *request, GVariant *options, GError **error)
{
    const VariantOption known[] = {
        { "force", "b", &request->force },
        { "version", "t", &request->version, 1 },
        { "withdraw", "b", &request->withdraw },
    };

    if (!variant_options_parse(options, known, G_N_ELEMENTS(known), error))
        return FALSE;
    if (request->withdraw && (request->force || request->version != 0)) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Give withdraw alone.",
                          "What is withdrawn has neither a version nor force.");
        return FALSE;
    }
    return TRUE;
}

gboolean request_resource_method(BailiffBusService *service, gpointer target,
                                 GDBusMethodInvocation *invocation, BailiffLockspace *lockspace,
                                 const char *resource, const char *path, guint64 offset,
                                 GVariant *options)
{
    BailiffReleaseRequest request = { .offset = offset };
    GError *error = NULL;
    RequestArgs *args;

    if (!parse_request(&request, options, &error))
        return method_call_refuse(invocation, error);
    args = g_new0(RequestArgs, 1);
    args->lockspace = g_object_ref(lockspace);
    args->resource = g_strdup(resource);
    args->path = g_strdup(path);
    args->request = request;
    args->request.resource = args->resource;
    args->request.path = args->path;
    return method_call_start(service, target, invocation, request_act, args, request_args_free);
}

static void examine_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;

    if (bailiff_lockspace_examine_requests_finish(BAILIFF_LOCKSPACE(source), result, &error))
        method_call_reply(call, NULL);
    else
        method_call_fail(call, error);
}

static void examine_act(MethodCall *call)
{
    bailiff_lockspace_examine_requests_async(call->args, examine_done, call);
}

gboolean examine_requests_method(BailiffBusService *service, gpointer target,
                                 GDBusMethodInvocation *invocation, BailiffLockspace *lockspace,
                                 GVariant *options)
{
    GError *error = NULL;

    if (!variant_options_parse(options, NULL, 0, &error))
        return method_call_refuse(invocation, error);
    return method_call_start(service, target, invocation, examine_act, g_object_ref(lockspace),
                             g_object_unref);
}
