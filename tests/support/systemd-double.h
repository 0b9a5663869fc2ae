/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A double of systemd on a private bus, in the test's own process and main loop: one unit, and
 * every answer as the test wants it, late, wrong or never.
 */
#pragma once

#include <gio/gio.h>
#include <string.h>

#define DOUBLE_UNIT_PATH "/org/freedesktop/systemd1/unit/a_2eservice"

typedef enum DoubleJobEnd {
    DOUBLE_JOB_AFTER_ANSWER,
    DOUBLE_JOB_BEFORE_ANSWER,
    DOUBLE_JOB_NEVER,
} DoubleJobEnd;

typedef struct SystemdDouble SystemdDouble;

struct SystemdDouble {
    GTestDBus *test_bus;
    GDBusConnection *service;
    GDBusConnection *client; /* for the code that is tested */
    guint name;
    guint objects[2];
    GString *calls; /* "StopUnit a.service replace\n" for each, without the readings */
    guint n_reads;

    gboolean silent;   /* nothing is answered; what comes is kept in `held` */
    GPtrArray *held;   /* of GDBusMethodInvocation */
    const char *error; /* NULL, or the name of an error that answers each Manager method */
    DoubleJobEnd job_end;
    const char *job_result;
    guint n_jobs;

    /* What the unit is. */
    const char *id;
    const char *load_state;
    const char *active_state;
    guint job;
    char *control_group;
    guint main_pid;
    const char *state_after_start; /* NULL: stays */
    const char *state_after_stop;
    void (*freeze)(SystemdDouble *self, gpointer user_data); /* NULL: only answers */
    gpointer freeze_data;
};

static const char double_xml[] =
    "<node>"
    "<interface name='org.freedesktop.systemd1.Manager'>"
    "<method name='LoadUnit'><arg type='s' direction='in'/><arg type='o' direction='out'/></method>"
    "<method name='StartUnit'><arg type='s' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='o' direction='out'/></method>"
    "<method name='StopUnit'><arg type='s' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='o' direction='out'/></method>"
    "<method name='FreezeUnit'><arg type='s' direction='in'/></method>"
    "<method name='Subscribe'/><method name='Unsubscribe'/>"
    "</interface>"
    "<interface name='org.freedesktop.DBus.Properties'>"
    "<method name='Get'><arg type='s' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='v' direction='out'/></method>"
    "<method name='GetAll'><arg type='s' direction='in'/><arg type='a{sv}' "
    "direction='out'/></method>"
    "</interface>"
    "</node>";

static inline void double_emit(SystemdDouble *self, const char *path, const char *interface,
                               const char *signal, GVariant *parameters)
{
    g_assert_true(g_dbus_connection_emit_signal(self->service, NULL, path, interface, signal,
                                                parameters, NULL));
}

/* The unit is in another state now, and systemd says so. */
static inline void double_set_state(SystemdDouble *self, const char *active_state)
{
    GVariantBuilder changed;

    self->active_state = active_state;
    g_variant_builder_init(&changed, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&changed, "{sv}", "ActiveState", g_variant_new_string(active_state));
    double_emit(self, DOUBLE_UNIT_PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                g_variant_new("(sa{sv}as)", "org.freedesktop.systemd1.Unit", &changed, NULL));
}

static inline void double_end_job(SystemdDouble *self, const char *path, const char *result)
{
    double_emit(self, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "JobRemoved",
                g_variant_new("(uoss)", 1u, path, self->id, result));
}

static inline void double_answer_job(SystemdDouble *self, GDBusMethodInvocation *invocation,
                                     const char *state_after)
{
    g_autofree char *path = g_strdup_printf("/org/freedesktop/systemd1/job/%u", ++self->n_jobs);

    if (self->job_end == DOUBLE_JOB_BEFORE_ANSWER)
        double_end_job(self, path, self->job_result);
    g_dbus_method_invocation_return_value(invocation, g_variant_new("(o)", path));
    if (state_after != NULL && self->job_end != DOUBLE_JOB_NEVER)
        double_set_state(self, state_after);
    if (self->job_end == DOUBLE_JOB_AFTER_ANSWER)
        double_end_job(self, path, self->job_result);
}

/* An invocation that was answered is gone. */
static inline void double_answer_manager(SystemdDouble *self, GDBusMethodInvocation *invocation)
{
    const char *method = g_dbus_method_invocation_get_method_name(invocation);
    gboolean freezes = strcmp(method, "FreezeUnit") == 0 && self->freeze != NULL;

    if (strcmp(method, "StartUnit") == 0)
        double_answer_job(self, invocation, self->state_after_start);
    else if (strcmp(method, "StopUnit") == 0)
        double_answer_job(self, invocation, self->state_after_stop);
    else if (strcmp(method, "LoadUnit") == 0)
        g_dbus_method_invocation_return_value(invocation, g_variant_new("(o)", DOUBLE_UNIT_PATH));
    else
        g_dbus_method_invocation_return_value(invocation, NULL);
    if (freezes)
        self->freeze(self, self->freeze_data);
}

static inline void double_answer_property(SystemdDouble *self, GDBusMethodInvocation *invocation,
                                          GVariant *parameters)
{
    const char *interface, *name = NULL;

    if (g_variant_is_of_type(parameters, G_VARIANT_TYPE("(s)"))) {
        GVariantBuilder all;

        g_variant_get(parameters, "(&s)", &interface);
        g_assert_cmpstr(interface, ==, "org.freedesktop.systemd1.Unit");
        g_variant_builder_init(&all, G_VARIANT_TYPE_VARDICT);
        g_variant_builder_add(&all, "{sv}", "Id", g_variant_new_string(self->id));
        g_variant_builder_add(&all, "{sv}", "LoadState", g_variant_new_string(self->load_state));
        g_variant_builder_add(&all, "{sv}", "ActiveState",
                              g_variant_new_string(self->active_state));
        g_variant_builder_add(&all, "{sv}", "Job", g_variant_new("(uo)", self->job, "/"));
        g_dbus_method_invocation_return_value(invocation, g_variant_new("(a{sv})", &all));
        return;
    }
    g_variant_get(parameters, "(&s&s)", &interface, &name);
    g_assert_cmpstr(interface, ==, "org.freedesktop.systemd1.Service");
    g_dbus_method_invocation_return_value(
        invocation, strcmp(name, "MainPID") == 0
                        ? g_variant_new("(v)", g_variant_new_uint32(self->main_pid))
                        : g_variant_new("(v)", g_variant_new_string(self->control_group)));
}

static inline void double_answer(SystemdDouble *self, GDBusMethodInvocation *invocation)
{
    const char *interface = g_dbus_method_invocation_get_interface_name(invocation);

    if (self->error != NULL && strcmp(interface, "org.freedesktop.systemd1.Manager") == 0)
        g_dbus_method_invocation_return_dbus_error(invocation, self->error, "as the test wants it");
    else if (strcmp(interface, "org.freedesktop.systemd1.Manager") == 0)
        double_answer_manager(self, invocation);
    else
        double_answer_property(self, invocation,
                               g_dbus_method_invocation_get_parameters(invocation));
}

static inline void double_on_call(GDBusConnection *bus, const char *sender, const char *path,
                                  const char *interface, const char *method, GVariant *parameters,
                                  GDBusMethodInvocation *invocation, gpointer user_data)
{
    SystemdDouble *self = user_data;

    if (strcmp(interface, "org.freedesktop.DBus.Properties") == 0) {
        self->n_reads++;
    } else {
        const char *one = "", *two = "";

        if (g_variant_is_of_type(parameters, G_VARIANT_TYPE("(ss)")))
            g_variant_get(parameters, "(&s&s)", &one, &two);
        else if (g_variant_is_of_type(parameters, G_VARIANT_TYPE("(s)")))
            g_variant_get(parameters, "(&s)", &one);
        g_string_append_printf(self->calls, "%s%s%s%s%s\n", method, *one ? " " : "", one,
                               *two ? " " : "", two);
    }
    if (self->silent)
        g_ptr_array_add(self->held, invocation);
    else
        double_answer(self, invocation);
}

/* What was held is answered now: late. */
static inline void double_speak(SystemdDouble *self)
{
    self->silent = FALSE;
    while (self->held->len > 0)
        double_answer(self, g_ptr_array_steal_index(self->held, 0));
}

static inline GDBusConnection *double_connect(SystemdDouble *self)
{
    g_autoptr(GError) error = NULL;
    GDBusConnection *bus =
        g_dbus_connection_new_for_address_sync(g_test_dbus_get_bus_address(self->test_bus),
                                               G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                   G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                               NULL, NULL, &error);

    g_assert_no_error(error);
    return bus;
}

static inline void double_on_owned(GDBusConnection *bus, const char *name, gpointer user_data)
{
    *(gboolean *)user_data = TRUE;
}

static inline void double_appear(SystemdDouble *self)
{
    gboolean owned = FALSE;

    self->name = g_bus_own_name_on_connection(self->service, "org.freedesktop.systemd1",
                                              G_BUS_NAME_OWNER_FLAGS_NONE, double_on_owned, NULL,
                                              &owned, NULL);
    while (!owned)
        g_main_context_iteration(NULL, TRUE);
}

static inline void double_vanish(SystemdDouble *self)
{
    g_bus_unown_name(self->name);
    self->name = 0;
}

static inline SystemdDouble *double_new(void)
{
    static const GDBusInterfaceVTable vtable = { .method_call = double_on_call };
    SystemdDouble *self = g_new0(SystemdDouble, 1);
    GDBusNodeInfo *node = g_dbus_node_info_new_for_xml(double_xml, NULL);

    g_assert_nonnull(node);
    self->test_bus = g_test_dbus_new(G_TEST_DBUS_NONE);
    g_test_dbus_up(self->test_bus);
    self->service = double_connect(self);
    self->client = double_connect(self);
    self->calls = g_string_new(NULL);
    self->held = g_ptr_array_new();
    self->job_result = "done";
    self->id = "a.service";
    self->load_state = "loaded";
    self->active_state = "active";
    self->control_group = g_strdup("");
    self->objects[0] = g_dbus_connection_register_object(
        self->service, "/org/freedesktop/systemd1", node->interfaces[0], &vtable, self, NULL, NULL);
    self->objects[1] = g_dbus_connection_register_object(
        self->service, DOUBLE_UNIT_PATH, node->interfaces[1], &vtable, self, NULL, NULL);
    g_dbus_node_info_unref(node);
    double_appear(self);
    return self;
}

static inline void double_free(SystemdDouble *self)
{
    if (self->name != 0)
        double_vanish(self);
    for (guint i = 0; i < G_N_ELEMENTS(self->objects); i++)
        g_dbus_connection_unregister_object(self->service, self->objects[i]);
    for (guint i = 0; i < self->held->len; i++)
        g_object_unref(self->held->pdata[i]);
    g_ptr_array_unref(self->held);
    g_dbus_connection_close_sync(self->client, NULL, NULL);
    g_dbus_connection_close_sync(self->service, NULL, NULL);
    g_object_unref(self->client);
    g_object_unref(self->service);
    g_test_dbus_down(self->test_bus);
    g_object_unref(self->test_bus);
    g_string_free(self->calls, TRUE);
    g_free(self->control_group);
    g_free(self);
}

static inline guint double_count_calls(SystemdDouble *self, const char *line)
{
    g_auto(GStrv) lines = g_strsplit(self->calls->str, "\n", -1);
    guint n = 0;

    for (guint i = 0; lines[i] != NULL; i++)
        n += strcmp(lines[i], line) == 0;
    return n;
}

static inline void double_wait_for_calls(SystemdDouble *self, const char *line, guint n)
{
    while (double_count_calls(self, line) < n)
        g_main_context_iteration(NULL, TRUE);
}
