/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading properties that change without being announced.
 *
 * A generated skeleton hands out the values that were last set. For what changes with every renewal
 * of every host that would mean to set (and compare) thousands of values that nobody reads. So the
 * present values are set when they are read: by Get, GetAll and GetManagedObjects alike.
 */
#pragma once

#include <gio/gio.h>

/* Sets the present values on the skeleton. */
typedef void (*LivePropertiesRefresh)(gpointer interface);

/* For the class_init of a final subclass of a generated skeleton. */
void live_properties_install(GDBusInterfaceSkeletonClass *class, LivePropertiesRefresh refresh);
