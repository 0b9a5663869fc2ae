/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl monitor: what happens, one line each, after the state as it is.
 *
 * Each line says how long ago the lockspace's last good renewal began, read from the daemon when
 * the event is printed: that is the clock by which everything here is decided, and it is not
 * announced. The reads wait for the answer, so the order of the events stays; the loop has nothing
 * else to do.
 */
#include "ctl/commands.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

#include "base/checked-time.h"
#include "common/boottime.h"
#include "ctl/model-table.h"
#include "ctl/safe-text.h"

#define ANSWER_MS 2000
/* "12345.6 s" */
#define AGE_COLUMNS 9

typedef struct Monitor {
    CommandLine *line;
    BusClient *client;
    GMainLoop *loop;
    /* Registration -> a lockspace that it holds leases in, also after it has released them. */
    GHashTable *lockspace_of;
    gboolean daemon_left;
    int status;
} Monitor;

typedef struct Event {
    const char *path;  /* the object; NULL: the daemon itself */
    const char *word;  /* one of event_words, or the name of a signal */
    GVariant *details; /* a{sv}, owned */
} Event;

static const struct {
    const char *word; /* for programs */
    const char *text; /* for people */
} event_words[] = {
    { "present", N_("present") },
    { "added", N_("added") },
    { "removed", N_("removed") },
    { "changed", N_("changed") },
    { "incident-begins", N_("begins") },
    { "incident-ends", N_("ends") },
    { "daemon-present", N_("is on the bus") },
    { "daemon-left", N_("left the bus") },
};

/* Of all that an object has, what a person wants to see when it comes, in this order. */
static const char *const telling[] = { "State",  "Reason",     "HostId",        "HostName",
                                       "Name",   "Version",    "Pid",           "Path",
                                       "Offset", "Generation", "WatchdogState", NULL };

static const char *event_text(const char *word)
{
    for (gsize i = 0; i < G_N_ELEMENTS(event_words); i++)
        if (strcmp(event_words[i].word, word) == 0)
            return _(event_words[i].text);
    return word;
}

static BailiffBusLockspace *lockspace_of_object(Monitor *self, const char *path)
{
    g_autofree char *lockspace = object_path_lockspace(path);
    const char *lookup = lockspace;
    if (!lookup && path)
        lookup = g_hash_table_lookup(self->lockspace_of, path);
    if (!lookup)
        return NULL;
    GDBusInterface *proxy = g_dbus_object_manager_get_interface(self->client->objects, lookup,
                                                                BUS_INTERFACE("Lockspace"));
    return proxy ? BAILIFF_BUS_LOCKSPACE(proxy) : NULL;
}

/* Seconds; negative when there was no good renewal or nobody tells. */
static double renewal_age(BailiffBusLockspace *lockspace)
{
    if (!lockspace)
        return -1;
    g_autoptr(GVariant) value =
        proxy_read(lockspace, "LastRenewalUsec", G_VARIANT_TYPE_UINT64, ANSWER_MS, NULL);
    guint64 renewed_us = value ? g_variant_get_uint64(value) : 0;
    if (renewed_us == 0)
        return -1;
    return (double)time_since(boottime_now(), renewed_us) / (double)USEC_PER_SECOND;
}

/* "vg0", "vg0 host 3", "vg0 disk1", "registration 7 (guest)". */
static char *subject_text(Monitor *self, const Event *event, BailiffBusLockspace *lockspace)
{
    if (!event->path)
        return g_strdup("bailiffd");
    const char *leaf = object_path_leaf(event->path);
    if (g_str_has_prefix(event->path, BUS_PATH "/registrations/"))
        return g_strdup_printf(_("registration %s"), leaf);
    if (g_str_has_prefix(event->path, BUS_PATH "/incidents/"))
        return g_strdup_printf(_("incident %s"), leaf);
    const char *name = lockspace ? bailiff_bus_lockspace_get_name(lockspace) : NULL;
    if (strstr(event->path, "/hosts/"))
        return g_strdup_printf(_("%s host %s"), name ? name : "?", leaf);
    if (strstr(event->path, "/resources/"))
        return g_strdup_printf(_("%s resource %s"), name ? name : "?", leaf);
    return g_strdup(name ? name : leaf);
}

/* Texts as they are, all else as GVariant writes it; what is empty says nothing. */
static void append_detail(GString *text, const char *key, GVariant *value)
{
    g_autofree char *printed = g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)
                                   ? g_strdup(g_variant_get_string(value, NULL))
                                   : g_variant_print(value, FALSE);
    g_strdelimit(printed, "\n", ' ');
    if (printed[0])
        g_string_append_printf(text, "%s%s %s", text->len ? ", " : "", key, printed);
}

/* "State late, Reason …". */
static char *details_text(const Event *event)
{
    gboolean whole_object = strcmp(event->word, "present") == 0 ||
                            strcmp(event->word, "added") == 0 ||
                            strcmp(event->word, "daemon-present") == 0;
    GString *text = g_string_new(NULL);
    for (gsize i = 0; whole_object && telling[i]; i++) {
        g_autoptr(GVariant) value = g_variant_lookup_value(event->details, telling[i], NULL);
        if (value)
            append_detail(text, telling[i], value);
    }
    for (gsize i = 0; !whole_object && i < g_variant_n_children(event->details); i++) {
        const char *key;
        g_autoptr(GVariant) value = NULL;
        g_variant_get_child(event->details, i, "{&sv}", &key, &value);
        append_detail(text, key, value);
    }
    return g_string_free(text, FALSE);
}

static void print_text(Monitor *self, const Event *event, BailiffBusLockspace *lockspace,
                       double age)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *clock = g_date_time_format(now, "%H:%M:%S");
    g_autofree char *subject = subject_text(self, event, lockspace);
    g_autofree char *details = details_text(event);
    g_autofree char *safe_subject = safe_text(subject);
    g_autofree char *safe_details = safe_text(details);
    g_autofree char *age_text = age < 0 ? g_strdup("-") : g_strdup_printf(_("%.1f s"), age);
    const char *state = NULL;
    (void)g_variant_lookup(event->details, "State", "&s", &state);
    g_autofree char *shown =
        colored_text(state_color(state), safe_details, self->line->output.color);
    /* printf() would count bytes. */
    int fill = MAX(0, AGE_COLUMNS - (int)text_width(age_text));
    output_line("%s.%03d %*s%s  %s: %s%s%s", clock, g_date_time_get_microsecond(now) / 1000, fill,
                "", age_text, safe_subject, event_text(event->word), details[0] ? ": " : "", shown);
}

static void print_json(const Event *event, BailiffBusLockspace *lockspace, double age)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format_iso8601(now);
    GVariantBuilder line;
    g_variant_builder_init(&line, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&line, "{sv}", "Time", g_variant_new_string(time));
    g_variant_builder_add(&line, "{sv}", "Event", g_variant_new_string(event->word));
    if (event->path)
        g_variant_builder_add(&line, "{sv}", "Object", g_variant_new_string(event->path));
    if (lockspace) {
        const char *name = bailiff_bus_lockspace_get_name(lockspace);
        g_variant_builder_add(&line, "{sv}", "Lockspace", g_variant_new_string(name ? name : ""));
    }
    if (age >= 0)
        g_variant_builder_add(&line, "{sv}", "SecondsSinceRenewal", g_variant_new_double(age));
    g_variant_builder_add(&line, "{sv}", "Details", event->details);
    output_json(g_variant_builder_end(&line), TRUE);
}

/* `details`: a{sv}; sunk if floating. */
static void print_event(Monitor *self, const char *path, const char *word, GVariant *details)
{
    g_autoptr(GVariant) owned = g_variant_ref_sink(details);
    const Event event = { .path = path, .word = word, .details = owned };
    g_autoptr(BailiffBusLockspace) lockspace = lockspace_of_object(self, path);
    double age = renewal_age(lockspace);
    if (self->line->json)
        print_json(&event, lockspace, age);
    else
        print_text(self, &event, lockspace, age);
    if (!output_finish()) {
        self->status = CTL_EXIT_ERROR;
        g_main_loop_quit(self->loop);
    }
}

static GVariant *no_details(void)
{
    return g_variant_new("a{sv}", NULL);
}

static void note_lockspace(Monitor *self, GDBusInterface *interface)
{
    if (!BAILIFF_BUS_IS_REGISTRATION(interface))
        return;
    const char *const *resources =
        bailiff_bus_registration_get_resources(BAILIFF_BUS_REGISTRATION(interface));
    char *lockspace = resources ? object_path_lockspace(resources[0]) : NULL;
    if (lockspace)
        g_hash_table_replace(self->lockspace_of,
                             g_strdup(g_dbus_proxy_get_object_path(G_DBUS_PROXY(interface))),
                             lockspace);
}

/* Of incidents their beginnings and ends are shown, not each step: whoever they are about tells
 * those. And not those of the past that a new daemon has found. */
static void print_incident(Monitor *self, gpointer proxy, gboolean begins)
{
    static const char *const keys[][5] = {
        { "Lockspace", "Outcome", "RegistrationCount", "ClearedCount", NULL },
        { "Lockspace", "Cause", NULL },
    };
    GVariantBuilder details;

    g_variant_builder_init(&details, G_VARIANT_TYPE_VARDICT);
    for (gsize i = 0; keys[begins][i]; i++) {
        g_autoptr(GVariant) value = g_dbus_proxy_get_cached_property(proxy, keys[begins][i]);
        if (value)
            g_variant_builder_add(&details, "{sv}", keys[begins][i], value);
    }
    print_event(self, g_dbus_proxy_get_object_path(proxy),
                begins ? "incident-begins" : "incident-ends", g_variant_builder_end(&details));
}

static gboolean is_ongoing(gpointer incident)
{
    return g_strcmp0(bailiff_bus_incident_get_outcome(incident), "ongoing") == 0;
}

static void print_object(Monitor *self, GDBusObject *object, const char *word)
{
    GList *interfaces = g_dbus_object_get_interfaces(object);
    for (GList *l = interfaces; l; l = l->next) {
        note_lockspace(self, l->data);
        if (BAILIFF_BUS_IS_INCIDENT(l->data)) {
            if (is_ongoing(l->data))
                print_incident(self, l->data, TRUE);
            continue;
        }
        print_event(self, g_dbus_object_get_object_path(object), word, proxy_properties(l->data));
    }
    g_list_free_full(interfaces, g_object_unref);
}

/* The object manager announces a new daemon's objects before the daemon, and that one left a second
 * time when another comes. */
static void note_presence(Monitor *self, gboolean present)
{
    if (self->daemon_left == !present)
        return;
    self->daemon_left = !present;
    print_event(self, NULL, present ? "daemon-present" : "daemon-left", no_details());
}

static void on_object_added(GDBusObjectManager *objects, GDBusObject *object, gpointer data)
{
    note_presence(data, TRUE);
    print_object(data, object, "added");
}

static void on_object_removed(GDBusObjectManager *objects, GDBusObject *object, gpointer data)
{
    Monitor *self = data;
    const char *path = g_dbus_object_get_object_path(object);
    /* When the daemon left, so did all its objects: that was one event. */
    g_autofree char *owner =
        g_dbus_object_manager_client_get_name_owner(G_DBUS_OBJECT_MANAGER_CLIENT(objects));
    if (owner && !g_str_has_prefix(path, BUS_PATH "/incidents/"))
        print_event(self, path, "removed", no_details());
    g_hash_table_remove(self->lockspace_of, path);
}

static void on_properties_changed(GDBusObjectManagerClient *objects, GDBusObjectProxy *object,
                                  GDBusProxy *interface, GVariant *changed,
                                  const char *const *invalidated, gpointer data)
{
    if (BAILIFF_BUS_IS_INCIDENT(interface)) {
        g_autoptr(GVariant) outcome = g_variant_lookup_value(changed, "Outcome", NULL);
        if (outcome)
            print_incident(data, interface, FALSE);
        return;
    }
    note_lockspace(data, G_DBUS_INTERFACE(interface));
    print_event(data, g_dbus_proxy_get_object_path(interface), "changed", changed);
}

static void on_signal(GDBusObjectManagerClient *objects, GDBusObjectProxy *object,
                      GDBusProxy *interface, const char *sender, const char *signal_name,
                      GVariant *parameters, gpointer data)
{
    GDBusInterfaceInfo *info = g_dbus_interface_get_info(G_DBUS_INTERFACE(interface));
    GDBusSignalInfo *signal_info = g_dbus_interface_info_lookup_signal(info, signal_name);
    if (!signal_info || BAILIFF_BUS_IS_INCIDENT(interface))
        return;
    GVariantBuilder details;
    g_variant_builder_init(&details, G_VARIANT_TYPE_VARDICT);
    /* GDBus does not compare what was sent with what was declared. */
    for (gsize i = 0;
         i < g_variant_n_children(parameters) && signal_info->args && signal_info->args[i]; i++) {
        g_autoptr(GVariant) value = g_variant_get_child_value(parameters, i);
        g_variant_builder_add(&details, "{sv}", signal_info->args[i]->name, value);
    }
    print_event(data, g_dbus_proxy_get_object_path(interface), signal_name,
                g_variant_builder_end(&details));
}

static void on_name_owner(GDBusObjectManagerClient *objects, GParamSpec *property, gpointer data)
{
    g_autofree char *owner = g_dbus_object_manager_client_get_name_owner(objects);
    note_presence(data, owner != NULL);
}

static void on_closed(GDBusConnection *connection, gboolean remote_peer_vanished, GError *error,
                      gpointer data)
{
    Monitor *self = data;
    GError *ours = NULL;
    ctl_set_error(&ours, CTL_EXIT_NO_DAEMON, _("Start bailiffctl again when the bus is back."),
                  _("The system bus closed the connection."));
    self->status = command_line_fail(ours);
    g_main_loop_quit(self->loop);
}

/* GIO ignores SIGPIPE: nobody else ends us when the reader is gone. */
static gboolean on_reader_gone(int fd, GIOCondition condition, gpointer data)
{
    Monitor *self = data;
    g_main_loop_quit(self->loop);
    return G_SOURCE_REMOVE;
}

static void print_present(Monitor *self)
{
    g_autoptr(GPtrArray) lockspaces = bus_client_lockspaces(self->client);
    g_autoptr(GPtrArray) hosts = bus_client_hosts(self->client, NULL);
    g_autoptr(GPtrArray) registrations = bus_client_registrations(self->client);
    g_autoptr(GPtrArray) resources = bus_client_resources(self->client, NULL);
    GPtrArray *kinds[] = { lockspaces, hosts, registrations, resources };
    print_event(self, NULL, "daemon-present", proxy_properties(self->client->manager));
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        for (guint j = 0; j < kinds[i]->len; j++) {
            note_lockspace(self, kinds[i]->pdata[j]);
            print_event(self, g_dbus_proxy_get_object_path(kinds[i]->pdata[j]), "present",
                        proxy_properties(kinds[i]->pdata[j]));
        }
    g_autoptr(GPtrArray) incidents = bus_client_incidents(self->client);
    for (guint i = 0; i < incidents->len; i++)
        if (is_ongoing(incidents->pdata[i]))
            print_incident(self, incidents->pdata[i], TRUE);
}

int command_monitor(CommandLine *line)
{
    int status;
    if (!command_line_parse(line, NULL, 0, 0, &status))
        return status;

    GError *error = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);
    if (!client || !bus_client_load(client, &error))
        return command_line_fail(error);
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(GHashTable) lockspace_of =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    Monitor self = { .line = line, .client = client, .loop = loop, .lockspace_of = lockspace_of };

    g_object_connect(client->objects, "signal::object-added", on_object_added, &self,
                     "signal::object-removed", on_object_removed, &self,
                     "signal::interface-proxy-properties-changed", on_properties_changed, &self,
                     "signal::interface-proxy-signal", on_signal, &self,
                     "signal::notify::name-owner", on_name_owner, &self, NULL);
    g_signal_connect(client->connection, "closed", G_CALLBACK(on_closed), &self);
    g_unix_fd_add(STDOUT_FILENO, G_IO_ERR | G_IO_HUP, on_reader_gone, &self);
    print_present(&self);
    if (self.status == CTL_EXIT_OK)
        g_main_loop_run(loop);
    return self.status;
}
