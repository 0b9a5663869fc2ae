/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A property that is a list of object paths, and when it is announced.
 *
 * A list is sent as a whole, so one that grows by one entry a thousand times costs the square of
 * that. A short list is announced like every other property, before the reply of the method that
 * changed it; a long one at most ten times a second. Whoever reads it gets it as it is now.
 */
#pragma once

#include <glib.h>

typedef struct PathList {
    gboolean stale; /* the engine has changed it since it was last set on the bus object */
    guint length;   /* when it was last set */
    GSource *later; /* armed while a long list waits to be announced */
} PathList;

/* TRUE: set it and announce it now. Else it is not stale, or `announce` will be called with
 * `user_data` when the time has come. */
gboolean path_list_due(PathList *self, GSourceFunc announce, gpointer user_data);

/* It has been set, with so many entries. */
void path_list_set(PathList *self, guint length);

void path_list_clear(PathList *self);
