/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "watchdog/watchdog-look.h"

#include "watchdog/watchdog-backend.h"

gboolean watchdog_look(const WatchdogConfig *config, GError **error)
{
    switch (config->kind) {
    case WATCHDOG_DEVICE:
        return watchdog_device_look(
            config->device != NULL ? config->device : WATCHDOG_DEVICE_DEFAULT, error);
    case WATCHDOG_WDMD:
        return watchdog_wdmd_look(config->socket != NULL ? config->socket : WATCHDOG_SOCKET_DEFAULT,
                                  error);
    case WATCHDOG_NONE:
    case WATCHDOG_KIND_COUNT:
        break;
    }
    return TRUE;
}
