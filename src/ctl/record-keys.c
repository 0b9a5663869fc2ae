/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/record-keys.h"

#include <glib/gi18n.h>
#include <string.h>

#include "ctl/command-line.h"
#include "ctl/nearest-word.h"
#include "ctl/size-text.h"

#define GROUP "Lockspace"
#define AUTO "auto"
#define DEFAULT "default"
#define IO_TIMEOUT_MAX 255

/* In the order of the file. */
static const char *const keys[] = { "Path", "Offset", "HostId", "IoTimeout", "Startup", NULL };

const char *const *record_keys(void)
{
    return keys;
}

static gboolean add_offset(GVariantDict *changes, const char *value, GError **error)
{
    guint64 offset;

    if (size_text_parse(&offset, value) != SIZE_OK) {
        ctl_set_error(error, CTL_EXIT_USAGE, _("Give bytes, or KiB, MiB or GiB with K, M or G."),
                      _("'%s' is no offset."), value);
        return FALSE;
    }
    g_variant_dict_insert(changes, "offset", "t", offset);
    return TRUE;
}

static gboolean add_host_id(GVariantDict *changes, const char *value, GError **error)
{
    guint64 host_id = 0;

    if (strcmp(value, AUTO) != 0 &&
        !command_line_number(value, "HostId", 1, G_MAXINT64, &host_id, error))
        return FALSE;
    g_variant_dict_insert(changes, "host-id", "t", host_id);
    return TRUE;
}

static gboolean add_io_timeout(GVariantDict *changes, const char *value, GError **error)
{
    guint64 seconds = 0;

    if (strcmp(value, DEFAULT) != 0 &&
        !command_line_number(value, "IoTimeout", 1, IO_TIMEOUT_MAX, &seconds, error))
        return FALSE;
    g_variant_dict_insert(changes, "io-timeout", "u", (guint32)seconds);
    return TRUE;
}

gboolean record_change_add(GVariantDict *changes, const char *key, const char *value,
                           GError **error)
{
    if (g_ascii_strcasecmp(key, "Path") == 0) {
        g_variant_dict_insert(changes, "path", "s", value);
        return TRUE;
    }
    if (g_ascii_strcasecmp(key, "Startup") == 0) {
        g_variant_dict_insert(changes, "startup", "s", value);
        return TRUE;
    }
    if (g_ascii_strcasecmp(key, "Offset") == 0)
        return add_offset(changes, value, error);
    if (g_ascii_strcasecmp(key, "HostId") == 0)
        return add_host_id(changes, value, error);
    if (g_ascii_strcasecmp(key, "IoTimeout") == 0)
        return add_io_timeout(changes, value, error);

    const char *near = nearest_word(key, keys);
    g_autofree char *all = g_strjoinv(", ", (char **)keys);
    g_autofree char *cure = near ? g_strdup_printf(_("Did you mean '%s'?"), near)
                                 : g_strdup_printf(_("What can be changed: %s."), all);
    ctl_set_error(error, CTL_EXIT_USAGE, cure, _("A record has nothing called '%s' to change."),
                  key);
    return FALSE;
}

char *record_host_id_text(BailiffBusRecord *record)
{
    guint64 host_id = bailiff_bus_record_get_host_id(record);
    guint64 chosen = bailiff_bus_record_get_chosen_host_id(record);

    if (host_id != 0)
        return g_strdup_printf("%" G_GUINT64_FORMAT, host_id);
    return chosen != 0 ? g_strdup_printf(AUTO " (%" G_GUINT64_FORMAT ")", chosen) : g_strdup(AUTO);
}

char *record_text(BailiffBusRecord *record)
{
    guint64 host_id = bailiff_bus_record_get_host_id(record);
    guint32 io_timeout = bailiff_bus_record_get_io_timeout(record);
    g_autofree char *host =
        host_id != 0 ? g_strdup_printf("%" G_GUINT64_FORMAT, host_id) : g_strdup(AUTO);
    g_autofree char *seconds =
        io_timeout != 0 ? g_strdup_printf("%u", io_timeout) : g_strdup(DEFAULT);

    return g_strdup_printf("# %s\n[" GROUP "]\nPath=%s\nOffset=%" G_GUINT64_FORMAT
                           "\nHostId=%s\nIoTimeout=%s\nStartup=%s\n",
                           bailiff_bus_record_get_file(record), bailiff_bus_record_get_path(record),
                           bailiff_bus_record_get_offset(record), host, seconds,
                           bailiff_bus_record_get_startup(record));
}

GVariant *record_text_parse(const char *text, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_auto(GVariantDict) changes = G_VARIANT_DICT_INIT(NULL);
    g_autoptr(GError) cause = NULL;

    if (!g_key_file_load_from_data(file, text, strlen(text), G_KEY_FILE_KEEP_TRANSLATIONS,
                                   &cause)) {
        ctl_set_error(error, CTL_EXIT_USAGE,
                      _("A record has the group [Lockspace] and lines KEY=VALUE."), "%s.",
                      cause->message);
        return NULL;
    }
    g_auto(GStrv) names = g_key_file_get_keys(file, GROUP, NULL, NULL);
    for (guint i = 0; names && names[i]; i++) {
        g_autofree char *value = g_key_file_get_value(file, GROUP, names[i], NULL);
        if (!record_change_add(&changes, names[i], g_strchomp(value), error))
            return NULL;
    }
    return g_variant_dict_end(&changes);
}
