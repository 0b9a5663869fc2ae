/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases for a registration.
 *
 * Whoever acquires and leaves the bus before the reply has nothing: the engine is told to stop, and
 * what was acquired in the same moment is given back. Nobody would ever learn of that lease.
 */
#include "dbus/lease-methods.h"

#include "common/bailiff-error.h"
#include "common/printable-word.h"
#include "dbus/lease-mode.h"
#include "dbus/method-call.h"
#include "dbus/resource-object.h"
#include "dbus/variant-options.h"

/* Acquire. */

typedef struct AcquireArgs {
    BailiffLeaseWish *wishes;
    GPtrArray *texts; /* what the wishes point to */
    gsize n_wishes;
} AcquireArgs;

static void acquire_args_free(AcquireArgs *args)
{
    g_free(args->wishes);
    g_ptr_array_unref(args->texts);
    g_free(args);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AcquireArgs, acquire_args_free)

static gboolean parse_mode(const char *mode, BailiffLeaseWish *wish, GError **error)
{
    ResourceMode parsed = RESOURCE_EXCLUSIVE;

    if (mode != NULL && !lease_mode_parse(mode, &parsed, error))
        return FALSE;
    wish->shared = parsed == RESOURCE_SHARED;
    if (!wish->shared || wish->required_version == 0)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                      "Leave the option version out, or acquire it exclusively.",
                      "A shared lease has no version.");
    return FALSE;
}

static gboolean parse_wish(GVariant *variant, BailiffLeaseWish *ret, GPtrArray *texts,
                           GError **error)
{
    char *lockspace, *resource, *path;
    BailiffLeaseWish wish = { 0 };
    g_autofree char *mode = NULL;
    g_autoptr(GVariant) options = NULL;

    g_variant_get(variant, "(ssst@a{sv})", &lockspace, &resource, &path, &wish.offset, &options);
    g_ptr_array_add(texts, lockspace);
    g_ptr_array_add(texts, resource);
    g_ptr_array_add(texts, path);
    wish.lockspace = lockspace;
    wish.resource = resource;
    wish.path = path;

    const VariantOption known[] = {
        { "mode", "s", &mode },        { "version", "t", &wish.required_version, 1 },
        { "wait", "b", &wish.wait },   { "persistent", "b", &wish.persistent },
        { "adopt", "b", &wish.adopt },
    };
    if (!variant_options_parse(options, known, G_N_ELEMENTS(known), error) ||
        !parse_mode(mode, &wish, error)) {
        g_autofree char *word = printable_word(resource);
        g_prefix_error(error, "The lease on %s: ", word);
        return FALSE;
    }
    *ret = wish;
    return TRUE;
}

static AcquireArgs *parse_acquire(GVariant *leases, GVariant *options, GError **error)
{
    g_autoptr(AcquireArgs) args = g_new0(AcquireArgs, 1);

    args->texts = g_ptr_array_new_with_free_func(g_free);
    args->n_wishes = g_variant_n_children(leases);
    args->wishes = g_new0(BailiffLeaseWish, args->n_wishes);
    if (!variant_options_parse(options, NULL, 0, error))
        return NULL;
    if (args->n_wishes == 0) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Name at least one lease.",
                          "The list of leases is empty.");
        return NULL;
    }
    for (gsize i = 0; i < args->n_wishes; i++) {
        g_autoptr(GVariant) lease = g_variant_get_child_value(leases, i);
        if (!parse_wish(lease, &args->wishes[i], args->texts, error))
            return NULL;
    }
    return g_steal_pointer(&args);
}

static void reply_acquired(MethodCall *call, GPtrArray *resources)
{
    GVariantBuilder paths;
    g_variant_builder_init(&paths, G_VARIANT_TYPE_OBJECT_PATH_ARRAY);
    for (guint i = 0; i < resources->len; i++) {
        g_autofree char *path = bailiff_resource_object_path(g_ptr_array_index(resources, i));
        g_variant_builder_add(&paths, "o", path);
    }
    method_call_reply(call, g_variant_new("(ao)", &paths));
}

static void acquire_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    BailiffRegistration *registration = BAILIFF_REGISTRATION(source);
    gboolean gone = g_cancellable_is_cancelled(call->caller_gone);
    GError *error = NULL;
    g_autoptr(GPtrArray) resources =
        bailiff_registration_acquire_finish(registration, result, &error);

    if (gone) {
        if (resources != NULL)
            bailiff_registration_take_back(registration, resources);
        g_clear_error(&error);
        method_call_drop(call);
    } else if (resources != NULL) {
        reply_acquired(call, resources);
    } else {
        method_call_fail(call, error);
    }
}

static void acquire_act(MethodCall *call)
{
    BailiffRegistrationObject *self = BAILIFF_REGISTRATION_OBJECT(call->target);
    const AcquireArgs *args = call->args;

    if (!method_call_reserve_leases(call, args->n_wishes))
        return;
    bailiff_registration_acquire_async(bailiff_registration_object_get_registration(self),
                                       args->wishes, args->n_wishes, call->caller_gone,
                                       acquire_done, call);
}

/* What is left behind for others to clear away, and what others have left behind, is more than
 * one's own. */
static guint risk_of_wishes(const AcquireArgs *args)
{
    for (gsize i = 0; i < args->n_wishes; i++)
        if (args->wishes[i].persistent || args->wishes[i].adopt)
            return POLKIT_BIT(POLKIT_ACTION_MANAGE_REGISTRATIONS);
    return 0;
}

gboolean acquire_method(BailiffBusService *service, BailiffRegistrationObject *target,
                        GDBusMethodInvocation *invocation, GVariant *leases, GVariant *options)
{
    GError *error = NULL;
    AcquireArgs *args = parse_acquire(leases, options, &error);

    if (args == NULL)
        return method_call_refuse(invocation, error);
    return method_call_start_with(service, target, invocation, acquire_act, args,
                                  (GDestroyNotify)acquire_args_free, risk_of_wishes(args), NULL);
}

/* Release. */

typedef struct ReleaseArgs {
    GPtrArray *paths;     /* each once */
    GPtrArray *resources; /* BailiffResource: what the paths named when the call came */
} ReleaseArgs;

static void release_args_free(ReleaseArgs *args)
{
    g_ptr_array_unref(args->paths);
    g_ptr_array_unref(args->resources);
    g_free(args);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReleaseArgs, release_args_free)

/* Borrowed. A path of another registration's lease is an error of the caller, whoever that is: one
 * must never take somebody else's lease away by a slip. */
static BailiffResource *find_own_resource(BailiffBusService *service,
                                          BailiffRegistration *registration, const char *path,
                                          GError **error)
{
    BailiffResourceObject *object =
        bailiff_bus_service_find(service, path, BAILIFF_TYPE_RESOURCE_OBJECT);
    if (object == NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND,
                          "Use the paths that Acquire() gave, as long as the leases are held.",
                          "There is no resource %s.", path);
        return NULL;
    }
    BailiffResource *resource = bailiff_resource_object_get_resource(object);
    if (!bailiff_resource_is_held_by(resource, registration)) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Call Release() of the registration that holds it.",
                          "The lease on %s is not held by this registration.",
                          bailiff_resource_get_name(resource));
        return NULL;
    }
    return resource;
}

static void release_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;

    if (bailiff_registration_release_finish(BAILIFF_REGISTRATION(source), result, &error))
        method_call_reply(call, NULL);
    else
        method_call_fail(call, error);
}

static void release_act(MethodCall *call)
{
    BailiffRegistrationObject *self = BAILIFF_REGISTRATION_OBJECT(call->target);
    BailiffRegistration *registration = bailiff_registration_object_get_registration(self);
    const ReleaseArgs *args = call->args;
    GError *error = NULL;

    /* They must still be what the caller meant. */
    for (guint i = 0; i < args->resources->len; i++) {
        const char *path = g_ptr_array_index(args->paths, i);
        BailiffResource *resource = find_own_resource(call->service, registration, path, &error);
        if (resource != NULL && resource != g_ptr_array_index(args->resources, i))
            bailiff_set_error(&error, BAILIFF_ERROR_NOT_FOUND, "Look at what is held now.",
                              "The lease %s was given back meanwhile.", path);
        if (error != NULL) {
            method_call_fail(call, error);
            return;
        }
    }
    bailiff_registration_release_async(registration, args->resources, release_done, call);
}

gboolean release_method(BailiffBusService *service, BailiffRegistrationObject *target,
                        GDBusMethodInvocation *invocation, const char *const *paths,
                        GVariant *options)
{
    BailiffRegistration *registration = bailiff_registration_object_get_registration(target);
    g_autoptr(ReleaseArgs) args = g_new0(ReleaseArgs, 1);
    GError *error = NULL;

    args->paths = g_ptr_array_new_with_free_func(g_free);
    args->resources = g_ptr_array_new_with_free_func(g_object_unref);
    if (!variant_options_parse(options, NULL, 0, &error))
        return method_call_refuse(invocation, error);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; paths[i] != NULL; i++) {
        if (!g_hash_table_add(seen, (gpointer)paths[i]))
            continue;
        BailiffResource *resource = find_own_resource(service, registration, paths[i], &error);
        if (resource == NULL)
            return method_call_refuse(invocation, error);
        g_ptr_array_add(args->paths, g_strdup(paths[i]));
        g_ptr_array_add(args->resources, g_object_ref(resource));
    }
    return method_call_start(service, target, invocation, release_act, g_steal_pointer(&args),
                             (GDestroyNotify)release_args_free);
}
