/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What actions go by.
 */
#include "actions/action-services.h"

#define LIBVIRT_DRIVER_DEFAULT "QEMU"
#define LIBVIRT_RUN_DIR_DEFAULT "/run/libvirt/qemu"

void action_services_init(ActionServices *ret, const char *libvirt_driver,
                          const char *libvirt_run_dir, Launcher *launcher)
{
    *ret = (ActionServices){
        .libvirt = bailiff_libvirt_new(
            libvirt_driver != NULL ? libvirt_driver : LIBVIRT_DRIVER_DEFAULT,
            libvirt_run_dir != NULL ? libvirt_run_dir : LIBVIRT_RUN_DIR_DEFAULT),
        .systemd = bailiff_systemd_new(),
        .launcher = launcher,
    };
}

void action_services_clear(ActionServices *self)
{
    g_clear_object(&self->libvirt);
    g_clear_object(&self->systemd);
    g_clear_object(&self->bus);
}

void action_services_set_bus(ActionServices *self, GDBusConnection *bus)
{
    if (bus != NULL)
        self->bus_is_awaited = FALSE;
    if (g_set_object(&self->bus, bus))
        self->bus_changes++;
    bailiff_libvirt_set_bus(self->libvirt, bus);
    bailiff_systemd_set_bus(self->systemd, bus);
}
