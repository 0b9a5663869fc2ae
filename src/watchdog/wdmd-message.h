/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A message of wdmd's socket (/run/wdmd/wdmd.sock, a stream): 176 bytes in the host's byte order,
 * the same in both directions. As seen on the wire between Debian 12's wdmd and libwdmd 3.8.5:
 *
 *   offset  size
 *        0     4  0
 *        4     4  command
 *        8     8  0
 *       16     4  seconds between two tests of all clients (answer to `status`)
 *       20     4  the device's timeout in seconds (status)
 *       24     8  when the device was fed last (status)
 *       32     8  time of the renewal  (test-live)
 *       40     8  when it expires (test-live; 0 and 0: not tested any more)
 *       48   128  name, filled with NUL (register)
 *
 * Times are whole seconds of CLOCK_MONOTONIC. Only `status` is answered, so its answer also says
 * that everything sent before was read. wdmd reads a message with one call that waits for all of
 * it: half a message would stop it, and with it the feeding of its device.
 *
 * What wdmd does with it, each seen: a client with a reference (refcount-set) that is gone stays in
 * the table until its expiry, and is then a reason not to feed for as long as wdmd lives; nobody
 * can take its place, not under the same name either. Without a reference, or without an expiry, a
 * client that is gone is forgotten.
 */
#pragma once

#include <glib.h>

#define WDMD_MESSAGE_SIZE 176u
#define WDMD_NAME_SIZE 128u

typedef enum WdmdCommand {
    WDMD_REGISTER = 1,
    WDMD_REFCOUNT_SET = 2,
    WDMD_REFCOUNT_CLEAR = 3,
    WDMD_TEST_LIVE = 4,
    WDMD_STATUS = 5,
} WdmdCommand;

typedef struct WdmdMessage {
    WdmdCommand command;
    guint32 test_interval;
    guint32 fire_timeout;
    guint64 last_keepalive;
    guint64 renewal;
    guint64 expire;
    const char *name; /* of what is sent; NULL: none. Not of what was received */
} WdmdMessage;

void wdmd_message_write(const WdmdMessage *message, guint8 bytes[WDMD_MESSAGE_SIZE]);
/* FALSE when it is no answer of wdmd to this command. */
gboolean wdmd_message_read(WdmdMessage *ret, WdmdCommand command,
                           const guint8 bytes[WDMD_MESSAGE_SIZE]);
