/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/completion-sources.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/bus-client.h"
#include "ctl/safe-text.h"
#include "ctl/model-table.h"
#include "ctl/record-keys.h"

/* Whoever does not answer by then is not asked for long. */
#define CALL_LIMIT_MS 1000

struct CompletionList {
    char *current;
    gsize skipped; /* so many bytes of it stand before what is completed */
    GString *lines;
};

typedef struct Source {
    CompletionList *list;
    const GPtrArray *arguments;
} Source;

CompletionList *completion_list_new(const char *current)
{
    CompletionList *self = g_new0(CompletionList, 1);
    self->current = g_strdup(current);
    self->lines = g_string_new(NULL);
    return self;
}

void completion_list_free(CompletionList *self)
{
    g_string_free(self->lines, TRUE);
    g_free(self->current);
    g_free(self);
}

const char *completion_list_current(const CompletionList *self)
{
    return self->current + self->skipped;
}

void completion_list_skip(CompletionList *self, gsize length)
{
    self->skipped = length;
}

/* A word with a newline would be two candidates, one with an escape sequence would colour a shell.
 */
static gboolean is_printable(const char *word)
{
    if (!g_utf8_validate(word, -1, NULL))
        return FALSE;
    for (; *word; word = g_utf8_next_char(word))
        if (!g_unichar_isprint(g_utf8_get_char(word)))
            return FALSE;
    return TRUE;
}

void completion_list_add(CompletionList *self, const char *word, const char *description)
{
    if (!g_str_has_prefix(word, completion_list_current(self)) || !is_printable(word))
        return;
    g_string_append_len(self->lines, self->current, (gssize)self->skipped);
    g_string_append(self->lines, word);
    if (description && *description) {
        g_autofree char *safe = safe_text(description);
        g_string_append_printf(self->lines, "\t%s", safe);
    }
    g_string_append_c(self->lines, '\n');
}

void completion_list_add_directive(CompletionList *self, const char *directive)
{
    g_string_append_printf(self->lines, "%s\n", directive);
}

void completion_list_print(const CompletionList *self)
{
    fputs(self->lines->str, stdout);
}

/* The reply, or NULL where nobody answers. Nobody is started. */
static GVariant *ask(const char *name, const char *path, const char *interface, const char *method,
                     GVariant *arguments, const char *reply_type)
{
    g_autoptr(GVariant) given = g_variant_ref_sink(arguments);
    g_autoptr(GDBusConnection) connection = bus_connect(NULL);
    if (!connection)
        return NULL;
    return g_dbus_connection_call_sync(connection, name, path, interface, method, given,
                                       G_VARIANT_TYPE(reply_type), G_DBUS_CALL_FLAGS_NO_AUTO_START,
                                       CALL_LIMIT_MS, NULL, NULL);
}

static gboolean is_argument(const Source *self, const char *word)
{
    for (guint i = 0; i < self->arguments->len; i++)
        if (strcmp(self->arguments->pdata[i], word) == 0)
            return TRUE;
    return FALSE;
}

static void add_lockspace(const Source *self, const char *path, GVariantDict *properties)
{
    const char *name = NULL, *state = NULL;
    if (g_variant_dict_lookup(properties, "Name", "&s", &name) &&
        g_variant_dict_lookup(properties, "State", "&s", &state))
        completion_list_add(self->list, name, state);
}

static void add_registration(const Source *self, const char *path, GVariantDict *properties)
{
    const char *name = NULL;
    if (!g_variant_dict_lookup(properties, "Name", "&s", &name))
        return;
    completion_list_add(self->list, object_path_leaf(path), name);
    /* Its name will do as well, but who has typed nothing would see everything twice. */
    if (*completion_list_current(self->list))
        completion_list_add(self->list, name, object_path_leaf(path));
}

static void add_host(const Source *self, const char *path, GVariantDict *properties)
{
    const char *name = NULL;
    g_autofree char *lockspace = object_path_lockspace(path);
    gboolean wanted = FALSE;
    for (guint i = 0; i < self->arguments->len && !wanted; i++) {
        g_autofree char *escaped = g_strconcat("/", self->arguments->pdata[i], NULL);
        wanted = lockspace && g_str_has_suffix(lockspace, escaped);
    }
    if (wanted && g_variant_dict_lookup(properties, "HostName", "&s", &name))
        completion_list_add(self->list, object_path_leaf(path), name);
}

static void add_incident(const Source *self, const char *path, GVariantDict *properties)
{
    const char *lockspace = NULL;
    if (g_variant_dict_lookup(properties, "Lockspace", "&s", &lockspace))
        completion_list_add(self->list, object_path_leaf(path), lockspace);
}

typedef struct Held {
    const char *name;
    const char *lockspace;
    const char *path;
    guint64 offset;
    gboolean orphan;
} Held;

static gboolean read_held(Held *held, GVariantDict *properties)
{
    return g_variant_dict_lookup(properties, "Name", "&s", &held->name) &&
           g_variant_dict_lookup(properties, "Lockspace", "&s", &held->lockspace) &&
           g_variant_dict_lookup(properties, "Path", "&s", &held->path) &&
           g_variant_dict_lookup(properties, "Offset", "t", &held->offset) &&
           g_variant_dict_lookup(properties, "Orphan", "b", &held->orphan);
}

static void add_held(const Source *self, const char *path, GVariantDict *properties)
{
    Held held = { 0 };
    if (!read_held(&held, properties))
        return;
    g_autofree char *word = g_strdup_printf("%s/%s", held.lockspace, held.name);
    completion_list_add(self->list, word, held.path);
}

static void add_orphan(const Source *self, const char *path, GVariantDict *properties)
{
    Held held = { 0 };
    if (read_held(&held, properties) && held.orphan && is_argument(self, held.lockspace))
        completion_list_add(self->list, held.name, held.path);
}

static void add_held_place(const Source *self, const char *path, GVariantDict *properties)
{
    Held held = { 0 };
    if (!read_held(&held, properties) || !is_argument(self, held.lockspace))
        return;
    g_autofree char *place = place_text(held.path, held.offset);
    g_autofree char *word = g_strdup_printf("%s@%s", held.name, place);
    completion_list_add(self->list, word, NULL);
}

typedef void (*AddObject)(const Source *self, const char *path, GVariantDict *properties);

static void add_objects(const Source *self, const char *interface, AddObject add)
{
    g_autoptr(GVariant) reply = ask(BUS_NAME, BUS_PATH, "org.freedesktop.DBus.ObjectManager",
                                    "GetManagedObjects", g_variant_new("()"), "(a{oa{sa{sv}}})");
    if (!reply)
        return;
    g_autoptr(GVariantIter) objects = NULL;
    const char *path;
    GVariant *interfaces;
    g_variant_get(reply, "(a{oa{sa{sv}}})", &objects);
    while (g_variant_iter_next(objects, "{&o@a{sa{sv}}}", &path, &interfaces)) {
        g_autoptr(GVariant) properties =
            g_variant_lookup_value(interfaces, interface, G_VARIANT_TYPE_VARDICT);
        if (properties) {
            g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(properties);
            add(self, path, &dict);
        }
        g_variant_unref(interfaces);
    }
}

/* What RegisterUnit() takes: units that have processes. */
static void add_units(const Source *self)
{
    static const char *const states[] = { "active", NULL };
    static const char *const patterns[] = { "*.service", "*.scope", "*.slice", NULL };
    g_autoptr(GVariant) reply = ask("org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                    "org.freedesktop.systemd1.Manager", "ListUnitsByPatterns",
                                    g_variant_new("(^as^as)", states, patterns), "(a(ssssssouso))");
    if (!reply)
        return;
    g_autoptr(GVariantIter) units = NULL;
    const char *name, *description;
    g_variant_get(reply, "(a(ssssssouso))", &units);
    while (g_variant_iter_next(units, "(&s&sssssouso)", &name, &description, NULL, NULL, NULL, NULL,
                               NULL, NULL, NULL, NULL))
        completion_list_add(self->list, name, description);
}

/* The path of a domain is its UUID, with underscores. */
static void add_domains(const Source *self)
{
    g_autoptr(GVariant) reply = ask("org.libvirt", "/org/libvirt/QEMU", "org.libvirt.Connect",
                                    "ListDomains", g_variant_new("(u)", 0u), "(ao)");
    if (!reply)
        return;
    g_autoptr(GVariantIter) domains = NULL;
    const char *path;
    g_variant_get(reply, "(ao)", &domains);
    while (g_variant_iter_next(domains, "&o", &path)) {
        g_autofree char *uuid = g_strdelimit(g_strdup(object_path_leaf(path)), "_", '-');
        if (*uuid == '-' && g_uuid_string_is_valid(uuid + 1))
            completion_list_add(self->list, uuid + 1, NULL);
    }
}

/* One's own processes: those of others need a right of its own. */
static void add_processes(const Source *self)
{
    g_autoptr(GDir) directory = g_dir_open("/proc", 0, NULL);
    const char *name;
    while (directory && (name = g_dir_read_name(directory))) {
        struct stat status;
        g_autofree char *path = g_build_filename("/proc", name, NULL);
        g_autofree char *command_path = g_build_filename(path, "comm", NULL);
        g_autofree char *command = NULL;
        if (g_ascii_isdigit(*name) && stat(path, &status) == 0 && status.st_uid == getuid() &&
            g_file_get_contents(command_path, &command, NULL, NULL))
            completion_list_add(self->list, name, g_strchomp(command));
    }
}

/* Files and block devices, and directories with a slash behind them. */
static void add_files(const Source *self)
{
    const char *current = completion_list_current(self->list);
    const char *slash = strrchr(current, '/');
    g_autofree char *folder = g_strndup(current, slash ? (gsize)(slash + 1 - current) : 0);
    const char *begun = slash ? slash + 1 : current;
    g_autoptr(GDir) directory = g_dir_open(*folder ? folder : ".", 0, NULL);
    const char *name;
    while (directory && (name = g_dir_read_name(directory))) {
        struct stat status;
        if (!g_str_has_prefix(name, begun) || (*name == '.' && *begun != '.'))
            continue;
        g_autofree char *path = g_strconcat(folder, name, NULL);
        if (stat(path, &status) != 0)
            continue;
        if (S_ISDIR(status.st_mode)) {
            g_autofree char *deeper = g_strconcat(path, "/", NULL);
            completion_list_add(self->list, deeper, NULL);
        } else if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) {
            completion_list_add(self->list, path, NULL);
        }
    }
}

static void add_resource_places(const Source *self)
{
    const char *current = completion_list_current(self->list);
    const char *at = strchr(current, '@');
    add_objects(self, BUS_INTERFACE("Resource"), add_held_place);
    if (at) {
        completion_list_skip(self->list, self->list->skipped + (gsize)(at + 1 - current));
        add_files(self);
    }
}

static void add_record_keys(const Source *self)
{
    const char *const *keys = record_keys();
    for (gsize i = 0; keys[i]; i++) {
        g_autofree char *word = g_strconcat(keys[i], "=", NULL);
        completion_list_add(self->list, word, NULL);
    }
}

void completion_source_add(CompletionList *list, const char *kind, const GPtrArray *arguments)
{
    static const struct {
        const char *kind;
        const char *interface; /* NULL: `add_all` */
        AddObject add;
        void (*add_all)(const Source *self);
    } sources[] = {
        { "LOCKSPACE", BUS_INTERFACE("Lockspace"), add_lockspace, NULL },
        { "RECORD", BUS_INTERFACE("Record"), add_lockspace, NULL },
        { "KEY=VALUE", NULL, NULL, add_record_keys },
        { "REGISTRATION", BUS_INTERFACE("Registration"), add_registration, NULL },
        { "HOST_ID", BUS_INTERFACE("Host"), add_host, NULL },
        { "NUMBER", BUS_INTERFACE("Incident"), add_incident, NULL },
        { "LOCKSPACE/RESOURCE", BUS_INTERFACE("Resource"), add_held, NULL },
        { "RESOURCE", BUS_INTERFACE("Resource"), add_orphan, NULL },
        { "RESOURCE@PATH[:OFFSET]", NULL, NULL, add_resource_places },
        { "PATH[:OFFSET]", NULL, NULL, add_files },
        { "PATH", NULL, NULL, add_files },
        { "DIR", NULL, NULL, add_files },
        { "UNIT", NULL, NULL, add_units },
        { "UUID", NULL, NULL, add_domains },
        { "PID", NULL, NULL, add_processes },
    };
    const Source source = { .list = list, .arguments = arguments };
    for (gsize i = 0; kind && i < G_N_ELEMENTS(sources); i++)
        if (strcmp(sources[i].kind, kind) == 0) {
            if (sources[i].interface)
                add_objects(&source, sources[i].interface, sources[i].add);
            else
                sources[i].add_all(&source);
        }
}
