/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/register-call.h"

#include <errno.h>
#include <gio/gunixfdlist.h>
#include <glib/gi18n.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctl/exit-status.h"
#include "ctl/place-text.h"
#include "ctl/policy-option.h"

/* One reference in the list, as a handle; pidfds are close-on-exec from birth. */
static GUnixFDList *pidfd_list(pid_t pid, GError **error)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0)
        return g_unix_fd_list_new_from_array(&fd, 1);
    int code = errno;
    ctl_set_error(error, CTL_EXIT_ERROR,
                  code == ESRCH || code == EINVAL
                      ? _("Give the pid of a running process, not of one of its threads.")
                      : _("Bailiff needs Linux 5.4 or newer, and a free file descriptor."),
                  _("There is no way to get hold of process %d: %s."), (int)pid, g_strerror(code));
    return NULL;
}

static BailiffBusRegistration *open_registration(BusClient *client, const char *path,
                                                 GError **error)
{
    return bailiff_bus_registration_proxy_new_sync(client->connection, G_DBUS_PROXY_FLAGS_NONE,
                                                   BUS_NAME, path, NULL, error);
}

static GVariant *name_and_policy(const char *name, const FailurePolicy *policy)
{
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);

    if (policy)
        policy_add_options(&options, policy);
    if (name)
        g_variant_dict_insert(&options, "name", "s", name);
    return g_variant_dict_end(&options);
}

BailiffBusRegistration *register_unit(BusClient *client, const char *unit, const char *name,
                                      const FailurePolicy *policy, GError **error)
{
    g_autofree char *path = NULL;

    if (!bailiff_bus_manager_call_register_unit_sync(
            client->manager, unit, name_and_policy(name, policy),
            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, &path, NULL,
            error))
        return NULL;
    return open_registration(client, path, error);
}

BailiffBusRegistration *register_domain(BusClient *client, const char *uuid, const char *name,
                                        const FailurePolicy *policy, GError **error)
{
    g_autofree char *path = NULL;

    if (!bailiff_bus_manager_call_register_domain_sync(
            client->manager, uuid, name_and_policy(name, policy),
            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, &path, NULL,
            error))
        return NULL;
    return open_registration(client, path, error);
}

BailiffBusRegistration *register_process(BusClient *client, pid_t pid, const char *name,
                                         const FailurePolicy *policy, gboolean descendants,
                                         GError **error)
{
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    g_autofree char *path = NULL;
    if (policy)
        policy_add_options(&options, policy);
    if (descendants)
        g_variant_dict_insert(&options, "descendants", "b", TRUE);
    g_autoptr(GUnixFDList) fds = pidfd_list(pid, error);
    if (!fds)
        return NULL;
    if (!bailiff_bus_manager_call_register_process_sync(
            client->manager, g_variant_new_handle(0), name, g_variant_dict_end(&options),
            G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, fds, &path, NULL,
            NULL, error))
        return NULL;
    return open_registration(client, path, error);
}

GVariant *acquire_wishes(const char *lockspace, char **words, const AcquireOptions *wanted,
                         GError **error)
{
    g_auto(GVariantBuilder) wishes = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(sssta{sv})"));
    for (; *words; words++) {
        g_autoptr(ResourcePlace) place = resource_place_parse(*words, error);
        if (!place)
            return NULL;
        g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
        if (wanted->wait)
            g_variant_dict_insert(&options, "wait", "b", TRUE);
        if (wanted->persistent)
            g_variant_dict_insert(&options, "persistent", "b", TRUE);
        if (wanted->adopt)
            g_variant_dict_insert(&options, "adopt", "b", TRUE);
        if (wanted->shared)
            g_variant_dict_insert(&options, "mode", "s", "shared");
        if (wanted->version)
            g_variant_dict_insert(&options, "version", "t", wanted->version);
        g_variant_builder_add(&wishes, "(ssst@a{sv})", lockspace, place->resource,
                              place->place.path, place->place.offset, g_variant_dict_end(&options));
    }
    return g_variant_builder_end(&wishes);
}
