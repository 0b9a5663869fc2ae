/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metrics on the bus.
 */
#include "dbus/metrics-methods.h"

#include "dbus/method-call.h"
#include "dbus/variant-options.h"

static void get_metrics_act(MethodCall *call)
{
    g_autofree char *text =
        bailiff_engine_print_metrics(bailiff_bus_service_get_engine(call->service));

    method_call_reply(call, g_variant_new("(s)", text));
}

gboolean get_metrics_method(BailiffBusService *service, gpointer target,
                            GDBusMethodInvocation *invocation, GVariant *options)
{
    GError *error = NULL;

    if (!variant_options_parse(options, NULL, 0, &error))
        return method_call_refuse(invocation, error);
    return method_call_start(service, target, invocation, get_metrics_act, NULL, NULL);
}
