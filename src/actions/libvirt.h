/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt, by way of libvirt-dbus (org.libvirt on the bus): one object for the daemon, shared by
 * all domains.
 *
 * What is asked of libvirt may hang for ever and may be carried out later, when nobody waits for it
 * any more (test-environment facts, section 4). Every call here ends for its caller when the caller
 * cancels it, and is remembered until libvirt has answered it: a domain is not started or resumed
 * for anybody while an older call for it is still out.
 */
#pragma once

#include <gio/gio.h>

#define BAILIFF_TYPE_LIBVIRT (bailiff_libvirt_get_type())
G_DECLARE_FINAL_TYPE(BailiffLibvirt, bailiff_libvirt, BAILIFF, LIBVIRT, GObject)

/* `driver`: the last part of the path of its connection object, "QEMU" as a rule. `run_dir`: where
 * the pid files of domains are, "/run/libvirt/qemu" as a rule. */
BailiffLibvirt *bailiff_libvirt_new(const char *driver, const char *run_dir);

/* The bus that org.libvirt is on; NULL while there is none. */
void bailiff_libvirt_set_bus(BailiffLibvirt *self, GDBusConnection *bus);

/* Asks for a domain by its UUID, for ten seconds at the longest. The result is its name (full
 * reference). InvalidArgument when `uuid` is none, NotFound when libvirt has no such domain,
 * IoError when libvirt is not there, IoTimeout when it does not answer. */
void bailiff_libvirt_look_up_async(BailiffLibvirt *self, const char *uuid,
                                   GCancellable *cancellable, GAsyncReadyCallback callback,
                                   gpointer user_data);
char *bailiff_libvirt_look_up_finish(BailiffLibvirt *self, GAsyncResult *result, GError **error);
