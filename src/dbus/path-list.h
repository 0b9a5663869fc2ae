/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A property that is a list of object paths, and when it is announced.
 *
 * Such a list changes with each lease that is acquired or released, and is sent as a whole: one
 * that grows by one entry a thousand times costs the square of that, and somebody who acquires and
 * releases again and again costs two signals each time, which repeat what the objects that come
 * and go say themselves. So it is announced like every other property, before the reply of the
 * method that changed it, until it has changed a few times in short order; from then on twice a
 * second. Whoever reads it gets it as it is now.
 */
#pragma once

#include <glib.h>

#include "dbus/passing-changes.h"

typedef struct PathList {
    gboolean stale;    /* the engine has changed it since it was last set on the bus object */
    gint64 used_up_us; /* each announcement uses up half a second of g_get_monotonic_time() */
} PathList;

/* Asked as `interface` is flushed. TRUE: set it and announce it now. Else it is not stale, or
 * `interface` will be flushed again in a moment. */
gboolean path_list_due(PathList *self, GDBusInterfaceSkeleton *interface, PassingChanges *passing);
