/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes to and from wdmd.
 */
#include "watchdog/wdmd-message.h"

#include <string.h>

enum {
    AT_COMMAND = 4,
    AT_TEST_INTERVAL = 16,
    AT_FIRE_TIMEOUT = 20,
    AT_LAST_KEEPALIVE = 24,
    AT_RENEWAL = 32,
    AT_EXPIRE = 40,
    AT_NAME = 48,
};

G_STATIC_ASSERT(AT_NAME + WDMD_NAME_SIZE == WDMD_MESSAGE_SIZE);

static void put32(guint8 *bytes, guint at, guint32 number)
{
    memcpy(bytes + at, &number, sizeof number);
}

static void put64(guint8 *bytes, guint at, guint64 number)
{
    memcpy(bytes + at, &number, sizeof number);
}

static guint32 get32(const guint8 *bytes, guint at)
{
    guint32 number;

    memcpy(&number, bytes + at, sizeof number);
    return number;
}

static guint64 get64(const guint8 *bytes, guint at)
{
    guint64 number;

    memcpy(&number, bytes + at, sizeof number);
    return number;
}

void wdmd_message_write(const WdmdMessage *message, guint8 bytes[WDMD_MESSAGE_SIZE])
{
    memset(bytes, 0, WDMD_MESSAGE_SIZE);
    put32(bytes, AT_COMMAND, message->command);
    put32(bytes, AT_TEST_INTERVAL, message->test_interval);
    put32(bytes, AT_FIRE_TIMEOUT, message->fire_timeout);
    put64(bytes, AT_LAST_KEEPALIVE, message->last_keepalive);
    put64(bytes, AT_RENEWAL, message->renewal);
    put64(bytes, AT_EXPIRE, message->expire);
    if (message->name != NULL)
        memcpy(bytes + AT_NAME, message->name, MIN(strlen(message->name), WDMD_NAME_SIZE - 1));
}

gboolean wdmd_message_read(WdmdMessage *ret, WdmdCommand command,
                           const guint8 bytes[WDMD_MESSAGE_SIZE])
{
    *ret = (WdmdMessage){
        .command = command,
        .test_interval = get32(bytes, AT_TEST_INTERVAL),
        .fire_timeout = get32(bytes, AT_FIRE_TIMEOUT),
        .last_keepalive = get64(bytes, AT_LAST_KEEPALIVE),
        .renewal = get64(bytes, AT_RENEWAL),
        .expire = get64(bytes, AT_EXPIRE),
    };
    return get32(bytes, AT_COMMAND) == (guint32)command;
}
