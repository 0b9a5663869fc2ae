/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl edit: changes a lockspace record, by what is named or in an editor.
 *
 * bailiffd writes the file, and checks what it is to say. So the editor gets a copy, and what has
 * been typed there is kept when it is refused.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/bus-client.h"
#include "ctl/record-difference.h"
#include "ctl/record-keys.h"

/* "KEY=VALUE" each; a{sv}, floating; NULL with an error. */
static GVariant *parse_words(char **words, GError **error)
{
    g_auto(GVariantDict) changes = G_VARIANT_DICT_INIT(NULL);

    for (; *words; words++) {
        const char *equals = strchr(*words, '=');
        if (!equals) {
            ctl_set_error(error, CTL_EXIT_USAGE, _("Type it as in Startup=manual."),
                          _("'%s' is not KEY=VALUE."), *words);
            return NULL;
        }
        g_autofree char *key = g_strndup(*words, (gsize)(equals - *words));
        if (!record_change_add(&changes, key, equals + 1, error))
            return NULL;
    }
    return g_variant_dict_end(&changes);
}

static const char *choose_editor(void)
{
    static const char *const variables[] = { "VISUAL", "EDITOR" };

    for (gsize i = 0; i < G_N_ELEMENTS(variables); i++) {
        const char *editor = g_getenv(variables[i]);
        if (editor && *editor)
            return editor;
    }
    return "vi";
}

/* The editor is a command line, as everywhere. */
static gboolean run_editor(const char *path, GError **error)
{
    g_autofree char *script = g_strdup_printf("exec %s \"$1\"", choose_editor());
    const char *const command[] = { "sh", "-c", script, "sh", path, NULL };
    g_autoptr(GError) cause = NULL;
    int status;

    if (g_spawn_sync(NULL, (char **)command, NULL,
                     G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL, NULL,
                     &status, &cause) &&
        g_spawn_check_wait_status(status, &cause))
        return TRUE;
    ctl_set_error(error, CTL_EXIT_ERROR,
                  _("Name an editor in VISUAL or EDITOR, or the changes on the command line."),
                  _("The editor failed: %s."), cause->message);
    return FALSE;
}

static char *write_copy(BailiffBusRecord *record, char **ret_text, GError **error)
{
    g_autofree char *path = NULL;
    g_autoptr(GError) cause = NULL;
    int fd = g_file_open_tmp("bailiff-record-XXXXXX.conf", &path, &cause);

    *ret_text = record_text(record);
    if (fd >= 0)
        close(fd);
    if (fd >= 0 && g_file_set_contents(path, *ret_text, -1, &cause))
        return g_steal_pointer(&path);
    ctl_set_error(error, CTL_EXIT_ERROR, _("Is the disk full, or TMPDIR no directory?"), "%s.",
                  cause->message);
    return NULL;
}

static gboolean apply(BailiffBusRecord *record, GVariant *changes, GError **error)
{
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);

    return bailiff_bus_record_call_edit_sync(record, changes, g_variant_dict_end(&options),
                                             G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                                             BUS_NO_TIME_LIMIT, NULL, error);
}

/* One more line behind those of the error. */
static void tell_kept(const char *path, GError **error)
{
    g_autoptr(GError) cause = g_steal_pointer(error);
    g_autofree char *message =
        g_strdup_printf(_("%s\nWhat was typed is kept in %s."), cause->message, path);

    *error = g_error_new_literal(cause->domain, cause->code, message);
}

static gboolean edit_in_editor(BailiffBusRecord *record, GError **error)
{
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autofree char *path = write_copy(record, &before, error);
    GVariant *changes;

    if (!path)
        return FALSE;
    if (!run_editor(path, error)) {
        g_unlink(path);
        return FALSE;
    }
    if (!g_file_get_contents(path, &after, NULL, error))
        return FALSE;
    if (strcmp(before, after) == 0) {
        g_unlink(path);
        output_line("%s", _("Nothing was changed."));
        return TRUE;
    }
    changes = record_text_parse(after, error);
    if (changes && apply(record, changes, error)) {
        g_unlink(path);
        return TRUE;
    }
    tell_kept(path, error);
    return FALSE;
}

static gboolean edit(CommandLine *line, BailiffBusRecord *record, GError **error)
{
    if (line->n_words == 1)
        return edit_in_editor(record, error);
    GVariant *changes = parse_words(line->words + 1, error);
    return changes && apply(record, changes, error);
}

int command_edit(CommandLine *line)
{
    int status;
    if (!command_line_parse(line, NULL, 1, G_MAXUINT, &status))
        return status;

    GError *error = NULL;
    g_autoptr(BailiffBusRecord) record = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);
    if (!client || !bus_client_load(client, &error) ||
        !(record = bus_client_find_record(client, line->words[0], &error)) ||
        !edit(line, record, &error) ||
        (!line->json && !record_difference_tell(client, line->words[0], &error)))
        return command_line_fail(error);
    return CTL_EXIT_OK;
}
