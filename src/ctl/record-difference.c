/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/record-difference.h"

#include <glib/gi18n.h>

#include "ctl/output.h"
#include "ctl/safe-text.h"

/* What a record that says nothing of it is joined with. */
#define IO_TIMEOUT_DEFAULT 10u

static void add(GString *names, const char *name, gboolean differs)
{
    if (differs)
        g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", name);
}

/* "HostId, IoTimeout"; "" when nothing differs, or nothing of that name is joined. */
static char *record_difference(BusClient *client, BailiffBusRecord *record)
{
    g_autoptr(BailiffBusLockspace) joined =
        bus_client_find_lockspace(client, bailiff_bus_record_get_name(record), NULL);
    GString *names = g_string_new(NULL);
    guint64 host_id = bailiff_bus_record_get_host_id(record);
    guint32 io_timeout = bailiff_bus_record_get_io_timeout(record);

    if (joined != NULL && g_strcmp0(bailiff_bus_lockspace_get_state(joined), "lost") != 0 &&
        g_strcmp0(bailiff_bus_record_get_state(record), "refused") != 0) {
        add(names, "Path",
            g_strcmp0(bailiff_bus_record_get_path(record),
                      bailiff_bus_lockspace_get_path(joined)) != 0);
        add(names, "Offset",
            bailiff_bus_record_get_offset(record) != bailiff_bus_lockspace_get_offset(joined));
        /* With auto any will do. */
        add(names, "HostId", host_id != 0 && host_id != bailiff_bus_lockspace_get_host_id(joined));
        add(names, "IoTimeout",
            (io_timeout != 0 ? io_timeout : IO_TIMEOUT_DEFAULT) !=
                bailiff_bus_lockspace_get_io_timeout(joined));
    }
    return g_string_free(names, FALSE);
}

gboolean record_difference_tell(BusClient *client, const char *name, GError **error)
{
    g_autoptr(GPtrArray) records = NULL;

    g_clear_object(&client->objects);
    if (!bus_client_load(client, error))
        return FALSE;
    records = bus_client_records(client);
    for (guint i = 0; i < records->len; i++) {
        const char *own = bailiff_bus_record_get_name(records->pdata[i]);
        g_autofree char *keys = record_difference(client, records->pdata[i]);
        g_autofree char *safe = safe_text(own);
        if (keys[0] && (!name || g_strcmp0(name, own) == 0))
            output_line(_("%s of the record of %s counts from its next join."), keys, safe);
    }
    return TRUE;
}
