/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The double lives in the main loop of the test, on a connection of its own.
 */
#include "support/libvirt-double.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actions/domain-target.h"

#define CONNECT_PATH "/org/libvirt/QEMU"
#define DOMAIN_PATH CONNECT_PATH "/domain/_6695eb01_f6a4_8304_79aa_97f2502e193f"

static const char introspection[] =
    "<node>"
    "<interface name='org.libvirt.Connect'>"
    "<method name='ListDomains'><arg type='u' direction='in'/><arg type='ao' "
    "direction='out'/></method>"
    "<signal name='DomainEvent'><arg type='o'/><arg type='i'/><arg type='i'/></signal>"
    "</interface>"
    "<interface name='org.libvirt.Domain'>"
    "<property name='Name' type='s' access='read'/>"
    "<method name='GetState'><arg type='u' direction='in'/><arg type='(ii)' "
    "direction='out'/></method>"
    "<method name='GetIOThreadInfo'><arg type='u' direction='in'/>"
    "<arg type='a(uab)' direction='out'/></method>"
    "<method name='Suspend'/><method name='Resume'/>"
    "<method name='Create'><arg type='u' direction='in'/></method>"
    "<method name='Destroy'><arg type='u' direction='in'/></method>"
    "</interface>"
    "</node>";

static const char *const members[LIBVIRT_METHOD_COUNT] = {
    [LIBVIRT_LIST_DOMAINS] = "ListDomains",
    [LIBVIRT_GET_NAME] = "Name",
    [LIBVIRT_GET_STATE] = "GetState",
    [LIBVIRT_ASK_QEMU] = "GetIOThreadInfo",
    [LIBVIRT_SUSPEND] = "Suspend",
    [LIBVIRT_RESUME] = "Resume",
    [LIBVIRT_CREATE] = "Create",
    [LIBVIRT_DESTROY] = "Destroy",
};

void libvirt_double_keep_result(GObject *source, GAsyncResult *result, gpointer user_data)
{
    GAsyncResult **kept = user_data;

    g_assert_null(*kept);
    *kept = g_object_ref(result);
}

void libvirt_double_emit(LibvirtDouble *self, int event, int detail)
{
    if (self->server == NULL || !self->was_called)
        return;
    g_dbus_connection_emit_signal(self->server, NULL, CONNECT_PATH, "org.libvirt.Connect",
                                  "DomainEvent", g_variant_new("(oii)", DOMAIN_PATH, event, detail),
                                  NULL);
}

/* --- the process ---------------------------------------------------------------------------------
 */

void libvirt_double_write_pid_file(LibvirtDouble *self, const char *content)
{
    g_autofree char *path = g_strdup_printf("%s/%s.pid", self->run_dir, DOUBLE_NAME);

    if (content == NULL) {
        g_unlink(path);
        return;
    }
    g_assert_true(g_file_set_contents(path, content, -1, NULL));
}

void libvirt_double_start_qemu(LibvirtDouble *self, const char *uuid)
{
    g_autofree char *number = NULL;
    const char *arguments[] = { "/bin/sh",
                                "-c",
                                "read line",
                                "qemu-system-x86_64",
                                "-name",
                                "guest=guest,, one,debug-threads=on",
                                uuid != NULL ? "-uuid" : NULL,
                                uuid,
                                NULL };
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(self->qemu, ==, 0);
    g_spawn_async_with_pipes(NULL, (char **)arguments, NULL,
                             G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_CLOEXEC_PIPES |
                                 G_SPAWN_STDOUT_TO_DEV_NULL,
                             NULL, NULL, &self->qemu, &self->qemu_stdin, NULL, NULL, &error);
    g_assert_no_error(error);
    number = g_strdup_printf("%d\n", self->qemu);
    libvirt_double_write_pid_file(self, number);
}

void libvirt_double_end_qemu(LibvirtDouble *self)
{
    if (self->qemu == 0)
        return;
    close(self->qemu_stdin);
    g_assert_cmpint(waitpid(self->qemu, NULL, 0), ==, self->qemu);
    self->qemu = 0;
}

/* --- what it does
 * --------------------------------------------------------------------------------- */

static void carry_out(LibvirtDouble *self, LibvirtMethod method)
{
    switch (method) {
    case LIBVIRT_SUSPEND:
        self->state = LIBVIRT_STATE_PAUSED;
        libvirt_double_emit(self, 3, 0);
        break;
    case LIBVIRT_RESUME:
        self->state = LIBVIRT_STATE_RUNNING;
        libvirt_double_emit(self, 4, 0);
        break;
    case LIBVIRT_CREATE:
        self->state = LIBVIRT_STATE_RUNNING;
        libvirt_double_start_qemu(self, DOUBLE_UUID);
        libvirt_double_emit(self, 2, 0);
        break;
    case LIBVIRT_DESTROY:
        self->state = LIBVIRT_STATE_OFF;
        libvirt_double_write_pid_file(self, NULL);
        if (!self->destroy_leaves_process)
            libvirt_double_end_qemu(self);
        libvirt_double_emit(self, 5, 1);
        break;
    default:
        break;
    }
}

static GVariant *make_reply(LibvirtDouble *self, LibvirtMethod method)
{
    switch (method) {
    case LIBVIRT_LIST_DOMAINS:
        return g_variant_new_parsed("([objectpath %o],)", DOMAIN_PATH);
    case LIBVIRT_GET_STATE:
        return g_variant_new("((ii))", self->state, 1);
    case LIBVIRT_ASK_QEMU:
        return g_variant_new_parsed("(@a(uab) [],)");
    case LIBVIRT_GET_NAME:
        return g_variant_new("(v)", g_variant_new_string(DOUBLE_NAME));
    default:
        return NULL;
    }
}

static void answer(LibvirtDouble *self, LibvirtMethod method, GDBusMethodInvocation *call)
{
    DoubleManner manner = self->manners[method];

    if (manner == DOUBLE_FAILS) {
        g_dbus_method_invocation_return_dbus_error(call, "org.libvirt.Error",
                                                   "it is as it is:\nno reason is ever parsed");
        return;
    }
    if (manner != DOUBLE_LIES)
        carry_out(self, method);
    g_dbus_method_invocation_return_value(call, make_reply(self, method));
}

void libvirt_double_let_go_on(LibvirtDouble *self, LibvirtMethod method)
{
    DoubleManner manner = self->manners[method];
    GDBusMethodInvocation *call = g_queue_pop_head(&self->held[method]);

    g_assert_nonnull(call);
    if (manner == DOUBLE_HOLDS)
        self->manners[method] = DOUBLE_DOES;
    answer(self, method, call);
    self->manners[method] = manner;
}

static void on_call(GDBusConnection *connection, const char *sender, const char *path,
                    const char *interface, const char *member, GVariant *arguments,
                    GDBusMethodInvocation *call, gpointer user_data)
{
    LibvirtDouble *self = user_data;
    LibvirtMethod method = LIBVIRT_LIST_DOMAINS;

    if (g_str_equal(interface, "org.freedesktop.DBus.Properties"))
        member = "Name";
    while (!g_str_equal(members[method], member))
        g_assert_cmpint(++method, <, LIBVIRT_METHOD_COUNT);
    self->was_called = TRUE;
    self->n_calls[method]++;
    if (self->manners[method] == DOUBLE_HOLDS)
        g_queue_push_tail(&self->held[method], call);
    else
        answer(self, method, call);
}

/* --- on the bus
 * ------------------------------------------------------------------------------------ */

static GDBusConnection *connect_to(GTestDBus *bus)
{
    g_autoptr(GError) error = NULL;
    GDBusConnection *connection =
        g_dbus_connection_new_for_address_sync(g_test_dbus_get_bus_address(bus),
                                               G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                   G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                               NULL, NULL, &error);

    g_assert_no_error(error);
    g_dbus_connection_set_exit_on_close(connection, FALSE);
    return connection;
}

static void register_object(LibvirtDouble *self, GDBusNodeInfo *node, const char *path,
                            const char *interface)
{
    /* Without get_property, Properties.Get comes to on_call, where it can be held. */
    static const GDBusInterfaceVTable vtable = { .method_call = on_call };

    g_assert_cmpuint(g_dbus_connection_register_object(
                         self->server, path, g_dbus_node_info_lookup_interface(node, interface),
                         &vtable, self, NULL, NULL),
                     >, 0);
}

void libvirt_double_come(LibvirtDouble *self)
{
    g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml(introspection, NULL);
    g_autoptr(GVariant) reply = NULL;

    g_assert_null(self->server);
    self->server = connect_to(self->bus);
    self->was_called = FALSE;
    register_object(self, node, CONNECT_PATH, "org.libvirt.Connect");
    register_object(self, node, DOMAIN_PATH, "org.libvirt.Domain");
    reply = g_dbus_connection_call_sync(
        self->server, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
        "RequestName", g_variant_new("(su)", "org.libvirt", 4), G_VARIANT_TYPE("(u)"),
        G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
    g_assert_nonnull(reply);
}

void libvirt_double_go(LibvirtDouble *self)
{
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < LIBVIRT_METHOD_COUNT; i++) {
        GDBusMethodInvocation *call;

        while ((call = g_queue_pop_head(&self->held[i])) != NULL)
            g_object_unref(call);
    }
    g_dbus_connection_close_sync(self->server, NULL, &error);
    g_assert_no_error(error);
    g_clear_object(&self->server);
}

void libvirt_double_lose_bus(LibvirtDouble *self)
{
    g_autoptr(GError) error = NULL;

    g_dbus_connection_close_sync(self->client, NULL, &error);
    g_assert_no_error(error);
    bailiff_libvirt_set_bus(self->libvirt, NULL);
}

void libvirt_double_find_bus(LibvirtDouble *self)
{
    g_object_unref(self->client);
    self->client = connect_to(self->bus);
    bailiff_libvirt_set_bus(self->libvirt, self->client);
}

void libvirt_double_round_trip(LibvirtDouble *self)
{
    g_autoptr(GAsyncResult) result = NULL;
    const char *name = self->server != NULL ? g_dbus_connection_get_unique_name(self->server)
                                            : "org.freedesktop.DBus";

    g_dbus_connection_call(self->client, name, "/", "org.freedesktop.DBus.Peer", "Ping", NULL, NULL,
                           G_DBUS_CALL_FLAGS_NONE, -1, NULL, libvirt_double_keep_result, &result);
    WAIT_FOR(result != NULL);
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

LibvirtDouble *libvirt_double_new(void)
{
    LibvirtDouble *self = g_new0(LibvirtDouble, 1);

    self->bus = g_test_dbus_new(G_TEST_DBUS_NONE);
    g_test_dbus_up(self->bus);
    self->run_dir = g_dir_make_tmp("bailiff-domains-XXXXXX", NULL);
    g_assert_nonnull(self->run_dir);
    self->client = connect_to(self->bus);
    self->libvirt = bailiff_libvirt_new("QEMU", self->run_dir);
    self->state = LIBVIRT_STATE_RUNNING;
    libvirt_double_come(self);
    bailiff_libvirt_set_bus(self->libvirt, self->client);
    return self;
}

void libvirt_double_free(LibvirtDouble *self)
{
    gpointer libvirt = self->libvirt;

    g_object_add_weak_pointer(G_OBJECT(libvirt), &libvirt);
    g_object_unref(self->libvirt);
    WAIT_FOR(libvirt == NULL);
    if (self->server != NULL)
        libvirt_double_go(self);
    g_dbus_connection_close_sync(self->client, NULL, NULL);
    g_object_unref(self->client);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    g_test_dbus_down(self->bus);
    g_object_unref(self->bus);
    libvirt_double_end_qemu(self);
    libvirt_double_write_pid_file(self, NULL);
    g_rmdir(self->run_dir);
    g_free(self->run_dir);
    g_free(self);
}

static void count(guint *n)
{
    (*n)++;
}

BailiffTarget *libvirt_double_make_target(LibvirtDouble *self, guint *n_resumed)
{
    g_autoptr(GError) error = NULL;
    BailiffTarget *target;

    libvirt_double_start_qemu(self, DOUBLE_UUID);
    target = bailiff_domain_target_new(self->libvirt, DOUBLE_UUID, DOUBLE_NAME, &error);
    g_assert_no_error(error);
    g_signal_connect_swapped(target, "resumed", G_CALLBACK(count), n_resumed);
    WAIT_FOR(self->was_called);
    return target;
}
