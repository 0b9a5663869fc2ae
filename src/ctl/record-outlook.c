/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record is asked for anew: what became of the join has changed it.
 */
#include "ctl/record-outlook.h"

#include <glib/gi18n.h>
#include <stdio.h>

#include "ctl/safe-text.h"

/* Of a record that is there: what becomes of it, by its state. Where it is joined, or cannot be,
 * the error says all. */
static void tell(BailiffBusRecord *record)
{
    const char *state = bailiff_bus_record_get_state(record);
    g_autofree char *file = safe_text(bailiff_bus_record_get_file(record));
    g_autofree char *name = safe_text(bailiff_bus_record_get_name(record));

    if (g_strcmp0(state, "waiting") == 0 || g_strcmp0(state, "joining") == 0)
        fprintf(stderr,
                _("  Its record is kept (%s): bailiffd goes on trying until it is joined. "
                  "'bailiffctl leave %s' ends that, 'bailiffctl forget %s' removes the record.\n"),
                file, name, name);
    else if (g_strcmp0(state, "failed") == 0)
        fprintf(stderr,
                _("  Its record is kept (%s), and not tried again before it is edited "
                  "('bailiffctl edit'), joined ('bailiffctl join %s'), or bailiffd is started.\n"),
                file, name);
    else if (g_strcmp0(state, "idle") == 0 || g_strcmp0(state, "lost") == 0)
        fprintf(stderr,
                _("  Its record is kept (%s), and not joined before 'bailiffctl join %s'.\n"), file,
                name);
}

void record_outlook_tell(BusClient *client, const char *name, gboolean wanted)
{
    g_autoptr(BailiffBusRecord) record = NULL;

    g_clear_object(&client->objects);
    if (!bus_client_load(client, NULL))
        return;
    record = bus_client_find_record(client, name, NULL);
    if (record != NULL)
        tell(record);
    else if (wanted)
        fputs(_("  No record was written.\n"), stderr);
}
