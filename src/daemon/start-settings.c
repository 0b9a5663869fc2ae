/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/start-settings.h"

static const char *const names[] = {
    "[daemon] idle-exit", "[daemon] real-time", "[libvirt] driver",  "[libvirt] run-directory",
    "[watchdog] type",    "[watchdog] device",  "[watchdog] socket", "[watchdog] timeout",
};

/* In the order of `names`. */
char **start_settings_of(const ConfigFile *file)
{
    char **values = g_new0(char *, G_N_ELEMENTS(names) + 1);
    guint n = 0;

    values[n++] = g_strdup_printf("%d", file->idle_exit);
    values[n++] = g_strdup(file->real_time ? "yes" : "no");
    values[n++] = g_strdup(file->libvirt_driver);
    values[n++] = g_strdup(file->libvirt_run_dir);
    values[n++] = g_strdup(watchdog_kind_name(file->watchdog));
    values[n++] = g_strdup(file->watchdog_device);
    values[n++] = g_strdup(file->watchdog_socket);
    values[n++] = g_strdup_printf("%u", file->watchdog_timeout);
    g_assert(n == G_N_ELEMENTS(names));
    return values;
}

char **start_settings_changed(char **then, const ConfigFile *file)
{
    g_auto(GStrv) now = start_settings_of(file);
    g_autoptr(GPtrArray) changed = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_strcmp0(then[i], now[i]) != 0)
            g_ptr_array_add(changed, g_strdup(names[i]));
    g_ptr_array_add(changed, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&changed), FALSE);
}
