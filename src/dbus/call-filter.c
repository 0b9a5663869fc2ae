/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A filter in GDBus' own thread: what it drops never reaches the main loop.
 */
#include "dbus/call-filter.h"

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
    return message;
}

void call_filter_install(GDBusConnection *connection, CallTime *last_call)
{
    (void)g_dbus_connection_add_filter(connection, filter, g_atomic_rc_box_acquire(last_call),
                                       g_atomic_rc_box_release);
}
