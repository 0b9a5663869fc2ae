/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/version-check.h"

#include <glib/gi18n.h>
#include <stdio.h>

#include "common/protocol-version.h"
#include "ctl/safe-text.h"

void version_check(BailiffBusManager *manager)
{
    const char *version = bailiff_bus_manager_get_version(manager);
    guint protocol = bailiff_bus_manager_get_protocol_version(manager);
    g_autofree char *shown = version != NULL ? safe_text(version) : NULL;

    if (shown == NULL)
        return;
    if (protocol > BAILIFF_PROTOCOL_VERSION)
        fprintf(stderr,
                _("bailiffctl: bailiffd speaks protocol %u, this bailiffctl knows no more than %u: "
                  "install the bailiffctl of version %s.\n"),
                protocol, BAILIFF_PROTOCOL_VERSION, shown);
    else if (g_strcmp0(version, PROJECT_VERSION) != 0)
        fprintf(stderr,
                _("bailiffctl: bailiffd is version %s, this bailiffctl is %s: after an upgrade "
                  "'bailiffctl reexecute' has bailiffd go on as the new program.\n"),
                shown, PROJECT_VERSION);
}
