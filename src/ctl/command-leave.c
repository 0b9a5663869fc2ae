/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl leave: gives a host lease back.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>
#include <stdio.h>

#include "ctl/bus-client.h"
#include "ctl/policy-option.h"
#include "ctl/safe-text.h"

/* A holder may take the time of its failure policy, and one that is ignored any time. */
static void tell_who_is_waited_for(BusClient *client, BailiffBusLockspace *lockspace)
{
    const char *const *paths = bailiff_bus_lockspace_get_registrations(lockspace);
    g_autoptr(GPtrArray) registrations = bus_client_registrations(client);

    for (guint i = 0; i < registrations->len; i++) {
        BailiffBusRegistration *one = registrations->pdata[i];
        if (!paths || !g_strv_contains(paths, g_dbus_proxy_get_object_path(G_DBUS_PROXY(one))))
            continue;
        g_autofree char *name = safe_text(bailiff_bus_registration_get_name(one));
        g_autofree char *policy =
            policy_variant_text(bailiff_bus_registration_get_failure_policy(one),
                                bailiff_bus_registration_get_on_recovery(one));
        g_autofree char *safe_policy = safe_text(policy);
        fprintf(stderr, _("Waiting for the end of %s (%s).\n"), name, safe_policy);
    }
}

/* Of a record that waits there need be no lockspace that could be left. */
static gboolean stop_joining(BusClient *client, const char *name, int *ret_status)
{
    g_autoptr(BailiffBusRecord) record = bus_client_find_record(client, name, NULL);
    g_autoptr(BailiffBusLockspace) lockspace = bus_client_find_lockspace(client, name, NULL);
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    GError *error = NULL;

    if (!record || lockspace || g_strcmp0(bailiff_bus_record_get_state(record), "waiting") != 0)
        return FALSE;
    *ret_status = CTL_EXIT_OK;
    if (!bailiff_bus_record_call_stop_joining_sync(
            record, g_variant_dict_end(&options), G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
            BUS_NO_TIME_LIMIT, NULL, &error))
        *ret_status = command_line_fail(error);
    return TRUE;
}

int command_leave(CommandLine *line)
{
    gboolean force = FALSE;
    const GOptionEntry entries[] = {
        { "force", 0, 0, G_OPTION_ARG_NONE, &force,
          N_("Walk the failure policies of those who hold leases in it, leave orphans on disk"),
          NULL },
        { NULL },
    };
    int status;
    if (!command_line_parse(line, entries, 1, 1, &status))
        return status;

    GError *error = NULL;
    g_autoptr(BailiffBusLockspace) lockspace = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);
    if (!client || !bus_client_load(client, &error))
        return command_line_fail(error);
    if (stop_joining(client, line->words[0], &status))
        return status;
    if (!(lockspace = bus_client_find_lockspace(client, line->words[0], &error)))
        return command_line_fail(error);
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    if (force) {
        g_variant_dict_insert(&options, "force", "b", TRUE);
        tell_who_is_waited_for(client, lockspace);
    }
    if (!bailiff_bus_lockspace_call_leave_sync(lockspace, g_variant_dict_end(&options),
                                               G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                                               BUS_NO_TIME_LIMIT, NULL, &error))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}
