/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/drill-methods.h"

#include "base/checked-time.h"
#include "dbus/method-call.h"
#include "dbus/object-path.h"
#include "dbus/variant-options.h"
#include "engine/lockspace-drill.h"

static void add_registration(GVariantDict *entry, BailiffRegistration *registration)
{
    g_autofree char *path = object_path_registration(bailiff_registration_get_id(registration));

    g_variant_dict_insert(entry, "registration", "o", path);
    g_variant_dict_insert(entry, "name", "s", bailiff_registration_get_name(registration));
    g_variant_dict_insert(entry, "kind", "s", bailiff_registration_get_kind(registration));
}

static GVariant *event_to_variant(const BailiffDrillEvent *event, guint64 renewal_us,
                                  guint64 fail_us)
{
    g_auto(GVariantDict) entry = G_VARIANT_DICT_INIT(NULL);

    g_variant_dict_insert(&entry, "event", "s", bailiff_drill_kind_name(event->kind));
    g_variant_dict_insert(&entry, "at-usec", "t", event->at_us);
    g_variant_dict_insert(&entry, "since-renewal-usec", "t", event->at_us - renewal_us);
    g_variant_dict_insert(&entry, "since-fail-usec", "x", (gint64)event->at_us - (gint64)fail_us);
    g_variant_dict_insert(&entry, "text", "s", event->text);
    if (event->registration != NULL)
        add_registration(&entry, event->registration);
    if (event->kind == BAILIFF_DRILL_STEP) {
        g_variant_dict_insert(&entry, "step", "u", event->step);
        g_variant_dict_insert(&entry, "action", "s", event->action);
        g_variant_dict_insert(&entry, "proof", "s", event->proof);
        if (event->until_us != TIME_NEVER)
            g_variant_dict_insert(&entry, "until-usec", "t", event->until_us);
    }
    return g_variant_dict_end(&entry);
}

static void drill_lockspace_act(MethodCall *call)
{
    BailiffLockspace *lockspace = call->args;
    GError *error = NULL;
    g_autoptr(GPtrArray) events = bailiff_lockspace_drill(lockspace, &error);
    g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));

    if (events == NULL) {
        method_call_fail(call, error);
        return;
    }
    guint64 renewal_us = bailiff_lockspace_get_last_renewal(lockspace);
    guint64 fail_us = bailiff_lockspace_get_fail_at(lockspace);
    for (guint i = 0; i < events->len; i++)
        g_variant_builder_add_value(&builder,
                                    event_to_variant(events->pdata[i], renewal_us, fail_us));
    method_call_reply(call, g_variant_new("(@aa{sv})", g_variant_builder_end(&builder)));
}

gboolean drill_lockspace_method(BailiffBusService *service, gpointer target,
                                GDBusMethodInvocation *invocation, BailiffLockspace *lockspace,
                                GVariant *options)
{
    GError *error = NULL;

    if (!variant_options_parse(options, NULL, 0, &error))
        return method_call_refuse(invocation, error);
    return method_call_start(service, target, invocation, drill_lockspace_act,
                             g_object_ref(lockspace), g_object_unref);
}

static void drill_registration_act(MethodCall *call)
{
    GError *error = NULL;

    if (bailiff_registration_drill(call->args, &error))
        method_call_reply(call, NULL);
    else
        method_call_fail(call, error);
}

gboolean drill_registration_method(BailiffBusService *service, gpointer target,
                                   GDBusMethodInvocation *invocation,
                                   BailiffRegistration *registration, GVariant *options)
{
    GError *error = NULL;

    if (!variant_options_parse(options, NULL, 0, &error))
        return method_call_refuse(invocation, error);
    return method_call_start(service, target, invocation, drill_registration_act,
                             g_object_ref(registration), g_object_unref);
}
