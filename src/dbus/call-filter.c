/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A filter in GDBus' own thread: what it drops never reaches the main loop.
 */
#include "dbus/call-filter.h"

#include <unistd.h>

#include <gio/gunixfdlist.h>

/* The calls that take descriptors take one. All others would lie open here until the main loop
 * comes round to the call: anybody can send more of them meanwhile than there may be. What came
 * from the bus is locked, but its list is not; a copy of it would have duplicates of them all. */
static void drop_descriptors(GDBusMessage *message)
{
    GUnixFDList *list = g_dbus_message_get_unix_fd_list(message);
    g_autofree gint *fds = NULL;
    gint n = 0;

    if (list == NULL || (g_unix_fd_list_get_length(list) == 1 &&
                         g_strcmp0(g_dbus_message_get_member(message), "RegisterProcess") == 0))
        return;
    fds = g_unix_fd_list_steal_fds(list, &n);
    for (gint i = 0; i < n; i++)
        close(fds[i]);
}

static GDBusMessage *filter(GDBusConnection *connection, GDBusMessage *message, gboolean incoming,
                            gpointer user_data)
{
    CallTime *last_call = user_data;

    if (!incoming || g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL)
        return message;
    if ((g_dbus_message_get_flags(message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED) != 0) {
        g_object_unref(message);
        return NULL;
    }
    last_call->us = g_get_monotonic_time();
    drop_descriptors(message);
    return message;
}

void call_filter_install(GDBusConnection *connection, CallTime *last_call)
{
    (void)g_dbus_connection_add_filter(connection, filter, g_atomic_rc_box_acquire(last_call),
                                       g_atomic_rc_box_release);
}
