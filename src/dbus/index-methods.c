/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods about resource indexes: all take a path, an offset, perhaps a name, and options.
 */
#include "dbus/index-methods.h"

#include "dbus/method-call.h"
#include "dbus/variant-options.h"

typedef struct IndexArgs {
    BailiffLockspace *lockspace;
    IndexCall call;
    char *path;
    char *name;
} IndexArgs;

static void index_args_free(IndexArgs *args)
{
    g_object_unref(args->lockspace);
    g_free(args->path);
    g_free(args->name);
    g_free(args);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(IndexArgs, index_args_free)

static void index_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;
    g_autoptr(GVariant) answer =
        bailiff_lockspace_index_finish(BAILIFF_LOCKSPACE(source), result, &error);

    if (answer != NULL)
        method_call_reply(call, answer);
    else
        method_call_fail(call, error);
}

static void index_act(MethodCall *call)
{
    const IndexArgs *args = call->args;

    bailiff_lockspace_index_async(args->lockspace, &args->call, index_done, call);
}

static gboolean parse_options(IndexCall *call, GVariant *options, GError **error)
{
    const VariantOption of_format[] = { { "max-resources", "u", &call->max_resources, 1 },
                                        { "overwrite", "b", &call->overwrite } };
    const VariantOption of_create[] = { { "max-hosts", "u", &call->max_hosts, 1 } };
    const VariantOption of_one[] = { { "resource-offset", "t", &call->resource_offset, 1 } };

    switch (call->verb) {
    case INDEX_FORMAT:
        return variant_options_parse(options, of_format, G_N_ELEMENTS(of_format), error);
    case INDEX_CREATE:
        return variant_options_parse(options, of_create, G_N_ELEMENTS(of_create), error);
    case INDEX_DELETE:
    case INDEX_LOOKUP:
        return variant_options_parse(options, of_one, G_N_ELEMENTS(of_one), error);
    case INDEX_LIST:
    case INDEX_REBUILD:
        break;
    }
    return variant_options_parse(options, NULL, 0, error);
}

gboolean index_method(BailiffBusService *service, gpointer target, BailiffLockspace *lockspace,
                      GDBusMethodInvocation *invocation, IndexVerb verb, const char *path,
                      guint64 offset, const char *name, GVariant *options)
{
    g_autoptr(IndexArgs) args = g_new0(IndexArgs, 1);
    GError *error = NULL;

    args->lockspace = g_object_ref(lockspace);
    args->path = g_strdup(path);
    args->name = g_strdup(name);
    args->call =
        (IndexCall){ .verb = verb, .path = args->path, .offset = offset, .name = args->name };
    if (!parse_options(&args->call, options, &error))
        return method_call_refuse(invocation, error);
    return method_call_start(service, target, invocation, index_act, g_steal_pointer(&args),
                             (GDestroyNotify)index_args_free);
}
