/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records of lockspaces, between struct and text.
 *
 * Values are taken as they stand in the file, without the escapes that key files have for strings:
 * nothing that is written there needs any.
 */
#include "engine/lockspace-settings.h"

#include <string.h>

#include "base/printable-text.h"
#include "common/bailiff-error.h"
#include "engine/engine.h"
#include "engine/name-error.h"
#include "ondisk/layout.h"

#define GROUP "Lockspace"
#define KNOWN_KEYS "Name, Path, Offset, HostId, IoTimeout, Startup, ChosenHostId, ChosenOn"
#define AUTO "auto"

static const char *const startup_names[] = { "manual", "automatic" };

const char *lockspace_startup_name(gboolean automatic)
{
    return startup_names[automatic ? 1 : 0];
}

gboolean lockspace_startup_from_name(const char *name, gboolean *ret_automatic, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(startup_names); i++)
        if (strcmp(name, startup_names[i]) == 0) {
            *ret_automatic = i == 1;
            return TRUE;
        }
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                      "Use automatic (joined when bailiffd starts) or manual.",
                      "There is no such startup.");
    return FALSE;
}

/* --- the struct ------------------------------------------------------------------------------ */

LockspaceSettings *lockspace_settings_copy(const LockspaceSettings *self)
{
    LockspaceSettings *copy = g_memdup2(self, sizeof *self);

    copy->name = g_strdup(self->name);
    copy->path = g_strdup(self->path);
    copy->chosen_on = g_strdup(self->chosen_on);
    return copy;
}

void lockspace_settings_free(LockspaceSettings *self)
{
    if (self == NULL)
        return;
    g_free(self->name);
    g_free(self->path);
    g_free(self->chosen_on);
    g_free(self);
}

gboolean lockspace_settings_equal(const LockspaceSettings *a, const LockspaceSettings *b)
{
    return g_strcmp0(a->name, b->name) == 0 && g_strcmp0(a->path, b->path) == 0 &&
           a->offset == b->offset && a->host_id == b->host_id && a->io_timeout == b->io_timeout &&
           a->automatic == b->automatic && a->chosen_host_id == b->chosen_host_id &&
           g_strcmp0(a->chosen_on, b->chosen_on) == 0;
}

/* What a key file would not give back as it was written. */
static gboolean check_text(const char *what, const char *text, GError **error)
{
    gsize length = strlen(text);

    if (printable_text_length(text, length) == length && length > 0 && !g_ascii_isspace(text[0]) &&
        !g_ascii_isspace(text[length - 1]))
        return TRUE;
    bailiff_set_error(
        error, BAILIFF_ERROR_INVALID_ARGUMENT,
        "Give it a name without control characters, and without blanks at either end.",
        "The %s cannot be written into a record.", what);
    return FALSE;
}

gboolean lockspace_settings_check(const LockspaceSettings *self, GError **error)
{
    const BailiffJoin join = {
        .name = self->name,
        .path = self->path,
        .offset = self->offset,
        .host_id = self->host_id,
        .kept_host_id = self->chosen_host_id,
        .io_timeout = self->io_timeout,
    };

    if (!bailiff_join_check(&join, error) || !check_text("path", self->path, error))
        return FALSE;
    /* What else a name can have is harmless in the name of a file. */
    if (self->name[0] != '.')
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                      "Join it without a record; or give it a name that begins otherwise.",
                      "A record of lockspace %s would be a hidden file.", self->name);
    return FALSE;
}

/* --- where something stands ------------------------------------------------------------------ */

typedef struct Line {
    guint number; /* from 1 */
    const char *group;
    const char *text; /* without blanks around it */
} Line;

/* `visit` ends it with TRUE, and the number of that line is returned; 0: none. */
static guint find_line(const char *text, gboolean (*visit)(const Line *line, gpointer data),
                       gpointer data)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *group = NULL;

    for (guint i = 0; lines[i] != NULL; i++) {
        const Line line = { i + 1, group, g_strstrip(lines[i]) };

        if (visit(&line, data))
            return line.number;
        if (line.text[0] == '[' && strchr(line.text, ']') != NULL) {
            g_free(group);
            group = g_strndup(line.text + 1, strcspn(line.text + 1, "]"));
        }
    }
    return 0;
}

static gboolean is_key(const Line *line, const char *key)
{
    gsize length = strcspn(line->text, "=");

    if (line->text[0] == '#' || line->text[length] == '\0')
        return FALSE;
    while (length > 0 && g_ascii_isspace(line->text[length - 1]))
        length--;
    return strlen(key) == length && strncmp(line->text, key, length) == 0;
}

typedef struct Wanted {
    const char *group;
    const char *key; /* NULL: the line of the group itself */
    guint skip;      /* so many of them come first */
} Wanted;

static gboolean is_wanted(const Line *line, gpointer data)
{
    Wanted *wanted = data;
    gboolean fits;

    if (wanted->key != NULL)
        fits = g_strcmp0(line->group, wanted->group) == 0 && is_key(line, wanted->key);
    else
        fits = line->text[0] == '[' && strlen(wanted->group) == strcspn(line->text + 1, "]") &&
               strncmp(line->text + 1, wanted->group, strlen(wanted->group)) == 0;
    return fits && wanted->skip-- == 0;
}

/* What no key file has. */
static gboolean is_nonsense(const Line *line, gpointer data)
{
    if (line->text[0] == '\0' || line->text[0] == '#')
        return FALSE;
    if (line->text[0] == '[')
        return !g_str_has_suffix(line->text, "]");
    return line->group == NULL || strchr(line->text, '=') == NULL || line->text[0] == '=';
}

/* --- reading --------------------------------------------------------------------------------- */

typedef struct Reading {
    const char *path;
    const char *text;
    GKeyFile *file;
    LockspaceSettings *settings;
} Reading;

static void prefix_line(const Reading *self, guint line, GError **error)
{
    g_prefix_error(error, "%s, line %u: ", self->path, MAX(line, 1));
}

static void prefix_key(const Reading *self, const char *key, GError **error)
{
    Wanted wanted = { GROUP, key, 0 };

    prefix_line(self, find_line(self->text, is_wanted, &wanted), error);
}

static gboolean take_number(const char *value, guint64 minimum, guint64 maximum, guint64 *ret,
                            GError **error)
{
    g_autofree char *cure = g_strdup_printf(
        "Give a number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT ".", minimum, maximum);

    if (g_ascii_string_to_unsigned(value, 10, minimum, maximum, ret, NULL))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, cure, "This is no such number.");
    return FALSE;
}

static gboolean take_io_timeout(LockspaceSettings *self, const char *value, GError **error)
{
    guint64 seconds;

    if (!take_number(value, 1, 255, &seconds, error))
        return FALSE;
    self->io_timeout = (guint32)seconds;
    return TRUE;
}

static gboolean take_key(LockspaceSettings *self, const char *key, const char *value,
                         GError **error)
{
    char **text = strcmp(key, "Name") == 0       ? &self->name
                  : strcmp(key, "Path") == 0     ? &self->path
                  : strcmp(key, "ChosenOn") == 0 ? &self->chosen_on
                                                 : NULL;

    if (text != NULL) {
        *text = g_strdup(value);
        return check_text("value", value, error);
    }
    if (strcmp(key, "Offset") == 0)
        return take_number(value, 0, G_MAXINT64, &self->offset, error);
    if (strcmp(key, "HostId") == 0)
        return strcmp(value, AUTO) == 0 ||
               take_number(value, 1, LAYOUT_MAX_HOSTS, &self->host_id, error);
    if (strcmp(key, "IoTimeout") == 0)
        return take_io_timeout(self, value, error);
    if (strcmp(key, "Startup") == 0)
        return lockspace_startup_from_name(value, &self->automatic, error);
    if (strcmp(key, "ChosenHostId") == 0)
        return take_number(value, 1, LAYOUT_MAX_HOSTS, &self->chosen_host_id, error);
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Keys: " KNOWN_KEYS ".",
                      "There is no such key.");
    return FALSE;
}

static gboolean take_group(const Reading *self, GError **error)
{
    g_auto(GStrv) keys = g_key_file_get_keys(self->file, GROUP, NULL, NULL);

    for (guint i = 0; keys != NULL && keys[i] != NULL; i++) {
        g_autofree char *value = g_key_file_get_value(self->file, GROUP, keys[i], NULL);
        Wanted second = { GROUP, keys[i], 1 };
        guint line = find_line(self->text, is_wanted, &second);

        if (line != 0) {
            bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Remove one of both lines.",
                              "The key is given twice.");
            prefix_line(self, line, error);
            return FALSE;
        }
        if (!take_key(self->settings, keys[i], g_strchomp(value), error)) {
            prefix_key(self, keys[i], error);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean check_groups(const Reading *self, GError **error)
{
    g_auto(GStrv) groups = g_key_file_get_groups(self->file, NULL);

    for (guint i = 0; groups[i] != NULL; i++) {
        Wanted wanted = { groups[i], NULL, 0 };

        if (strcmp(groups[i], GROUP) == 0)
            continue;
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "A record has the group [" GROUP "] and no other.",
                          "There is no such group.");
        prefix_line(self, find_line(self->text, is_wanted, &wanted), error);
        return FALSE;
    }
    return TRUE;
}

/* What is there fits together. */
static gboolean check_whole(const Reading *self, const char *name, GError **error)
{
    const LockspaceSettings *settings = self->settings;

    if (settings->name == NULL || settings->path == NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "A record has at least a group [" GROUP "] with Name= and Path=.",
                          "Name= or Path= is missing.");
        prefix_line(self, 1, error);
        return FALSE;
    }
    if (strcmp(settings->name, name) != 0) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "A record is called after its lockspace: NAME.conf.",
                          "The file is the record of another lockspace, by its name.");
        prefix_key(self, "Name", error);
        return FALSE;
    }
    if (lockspace_settings_check(settings, error))
        return TRUE;
    prefix_key(self,
               !bailiff_check_path(settings->path, NULL) ? "Path"
               : settings->offset % SECTOR_SIZE_MIN != 0 ? "Offset"
                                                         : "Name",
               error);
    return FALSE;
}

static gboolean load(const Reading *self, gsize length, GError **error)
{
    g_autoptr(GError) cause = NULL;
    const char *end;

    if (!g_utf8_validate_len(self->text, length, &end)) {
        guint line = 1;

        for (const char *at = self->text; at < end; at++)
            line += *at == '\n';
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Write it anew, with bailiffctl join --persist or an editor.",
                          "This is no text (UTF-8).");
        prefix_line(self, line, error);
        return FALSE;
    }
    if (length == 0 || g_key_file_load_from_data(self->file, self->text, length,
                                                 G_KEY_FILE_KEEP_TRANSLATIONS, &cause))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                      "A record has a group, [" GROUP "], and in it lines KEY=VALUE.",
                      "This is no line of a key file.");
    prefix_line(self, find_line(self->text, is_nonsense, NULL), error);
    return FALSE;
}

LockspaceSettings *lockspace_settings_parse(const char *path, const char *name, const char *text,
                                            gsize length, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(LockspaceSettings) settings = g_new0(LockspaceSettings, 1);
    g_autofree char *terminated = g_strndup(text, length);
    const Reading reading = { path, terminated, file, settings };

    settings->automatic = TRUE;
    if (!load(&reading, length, error) || !check_groups(&reading, error) ||
        !take_group(&reading, error) || !check_whole(&reading, name, error))
        return NULL;
    return g_steal_pointer(&settings);
}

/* --- writing --------------------------------------------------------------------------------- */

char *lockspace_settings_print(const LockspaceSettings *self)
{
    g_autoptr(GString) text = g_string_new("# A lockspace record of bailiffd; see "
                                           "bailiff-lockspaces.d(5).\n[" GROUP "]\n");

    g_string_append_printf(text, "Name=%s\nPath=%s\nOffset=%" G_GUINT64_FORMAT "\n", self->name,
                           self->path, self->offset);
    if (self->host_id == 0)
        g_string_append(text, "HostId=" AUTO "\n");
    else
        g_string_append_printf(text, "HostId=%" G_GUINT64_FORMAT "\n", self->host_id);
    if (self->io_timeout != 0)
        g_string_append_printf(text, "IoTimeout=%u\n", self->io_timeout);
    g_string_append_printf(text, "Startup=%s\n", lockspace_startup_name(self->automatic));
    if (self->host_id == 0 && self->chosen_host_id != 0 && self->chosen_on != NULL)
        g_string_append_printf(text, "ChosenHostId=%" G_GUINT64_FORMAT "\nChosenOn=%s\n",
                               self->chosen_host_id, self->chosen_on);
    return g_string_free(g_steal_pointer(&text), FALSE);
}
