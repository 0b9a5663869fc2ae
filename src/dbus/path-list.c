/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Short lists now, long lists in a moment.
 */
#include "dbus/path-list.h"

/* 32 paths are about 2 KiB: no more than the rest of a method call. */
#define SHORT_LENGTH 32u
#define LONG_INTERVAL_MS 100u

gboolean path_list_due(PathList *self, GSourceFunc announce, gpointer user_data)
{
    if (!self->stale)
        return FALSE;
    if (self->length <= SHORT_LENGTH)
        return TRUE;
    if (self->later == NULL) {
        self->later = g_timeout_source_new(LONG_INTERVAL_MS);
        g_source_set_callback(self->later, announce, user_data, NULL);
        g_source_attach(self->later, NULL);
    }
    return FALSE;
}

void path_list_set(PathList *self, guint length)
{
    self->stale = FALSE;
    self->length = length;
}

void path_list_clear(PathList *self)
{
    if (self->later != NULL) {
        g_source_destroy(self->later);
        g_clear_pointer(&self->later, g_source_unref);
    }
}
