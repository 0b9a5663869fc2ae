/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/resource-word.h"

#include <glib/gi18n.h>
#include <string.h>

#include "ctl/exit-status.h"

gboolean resource_is_word(BailiffBusResource *resource, const char *word)
{
    g_autofree char *name = g_strconcat(bailiff_bus_resource_get_lockspace(resource), "/",
                                        bailiff_bus_resource_get_name(resource), NULL);
    return strcmp(name, word) == 0 ||
           g_strcmp0(g_dbus_proxy_get_object_path(G_DBUS_PROXY(resource)), word) == 0;
}

gboolean resource_is_held_by(BailiffBusResource *resource, const char *registration_path)
{
    const char *const *holders = bailiff_bus_resource_get_registrations(resource);
    return holders && g_strv_contains(holders, registration_path);
}

BailiffBusResource *find_resource_word(BusClient *client, const char *registration_path,
                                       const char *word, GError **error)
{
    g_autoptr(GPtrArray) resources = bus_client_resources(client, NULL);
    for (guint i = 0; i < resources->len; i++) {
        BailiffBusResource *resource = resources->pdata[i];
        if (resource_is_word(resource, word) &&
            (!registration_path || resource_is_held_by(resource, registration_path)))
            return g_object_ref(resource);
    }
    ctl_set_error(error, CTL_EXIT_ERROR,
                  strchr(word, '/') ? _("What is held is in 'bailiffctl status'.")
                                    : _("Write it as LOCKSPACE/RESOURCE, such as vg0/disk1."),
                  registration_path ? _("The registration does not hold '%s'.")
                                    : _("This host does not hold '%s'."),
                  word);
    return NULL;
}
