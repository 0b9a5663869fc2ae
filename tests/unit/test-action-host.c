/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * host-poweroff and host-reboot with a double of logind: what is asked, and that there is an answer
 * in time, whatever logind does. Nothing here can shut anything down: the double has a bus of its
 * own.
 */
#include <string.h>

#include "actions/action.h"
#include "base/checked-time.h"
#include "common/boottime.h"

typedef struct World {
    GTestDBus *test_bus;
    GDBusConnection *service;
    guint name;
    guint objects[2];
    GString *calls;
    gboolean old; /* it knows nothing of flags */
    gboolean silent;
    gboolean preparing;
    const char *error;
    GPtrArray *held; /* of GDBusMethodInvocation */

    ActionServices services;
    BailiffTarget *target;
    FailurePolicy policy;
    FailureStep step;
    ActionRequest request;
    GCancellable *cancellable;
    GAsyncResult *result;
} World;

#define LONG_US (60 * USEC_PER_SECOND)

/* An action needs a target to be done to; the host's actions have no use for it. */
#define TYPE_NO_TARGET (no_target_get_type())
G_DECLARE_FINAL_TYPE(NoTarget, no_target, NO, TARGET, BailiffTarget)
struct _NoTarget {
    BailiffTarget parent_instance;
};
G_DEFINE_FINAL_TYPE(NoTarget, no_target, BAILIFF_TYPE_TARGET)
static void no_target_class_init(NoTargetClass *klass)
{
}
static void no_target_init(NoTarget *self)
{
}

static const char login_xml[] =
    "<node>"
    "<interface name='org.freedesktop.login1.Manager'>"
    "<method name='PowerOff'><arg type='b' direction='in'/></method>"
    "<method name='Reboot'><arg type='b' direction='in'/></method>"
    "<method name='PowerOffWithFlags'><arg type='t' direction='in'/></method>"
    "<method name='RebootWithFlags'><arg type='t' direction='in'/></method>"
    "</interface>"
    "<interface name='org.freedesktop.DBus.Properties'>"
    "<method name='Get'><arg type='s' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='v' direction='out'/></method>"
    "</interface>"
    "</node>";

static void on_call(GDBusConnection *bus, const char *sender, const char *path,
                    const char *interface, const char *method, GVariant *parameters,
                    GDBusMethodInvocation *invocation, gpointer user_data)
{
    World *world = user_data;
    g_autofree char *text = g_variant_print(parameters, TRUE);

    g_string_append_printf(world->calls, "%s %s\n", method, text);
    if (world->silent)
        g_ptr_array_add(world->held, invocation);
    else if (g_str_equal(method, "Get"))
        g_dbus_method_invocation_return_value(
            invocation, g_variant_new("(v)", g_variant_new_boolean(world->preparing)));
    else if (world->old && g_str_has_suffix(method, "WithFlags"))
        g_dbus_method_invocation_return_dbus_error(
            invocation, "org.freedesktop.DBus.Error.UnknownMethod", "No such method");
    else if (world->error != NULL)
        g_dbus_method_invocation_return_dbus_error(invocation, world->error, "as it\nwants");
    else
        g_dbus_method_invocation_return_value(invocation, NULL);
}

static GDBusConnection *connect_to_bus(World *world)
{
    g_autoptr(GError) error = NULL;
    GDBusConnection *bus =
        g_dbus_connection_new_for_address_sync(g_test_dbus_get_bus_address(world->test_bus),
                                               G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                   G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                               NULL, NULL, &error);

    g_assert_no_error(error);
    return bus;
}

static void on_owned(GDBusConnection *bus, const char *name, gpointer user_data)
{
    *(gboolean *)user_data = TRUE;
}

static void set_up(World *world, gconstpointer data)
{
    static const GDBusInterfaceVTable vtable = { .method_call = on_call };
    GDBusNodeInfo *node = g_dbus_node_info_new_for_xml(login_xml, NULL);
    gboolean owned = FALSE;

    world->test_bus = g_test_dbus_new(G_TEST_DBUS_NONE);
    g_test_dbus_up(world->test_bus);
    world->service = connect_to_bus(world);
    world->services.bus = connect_to_bus(world);
    world->calls = g_string_new(NULL);
    world->held = g_ptr_array_new_with_free_func(g_object_unref);
    for (guint i = 0; i < G_N_ELEMENTS(world->objects); i++)
        world->objects[i] =
            g_dbus_connection_register_object(world->service, "/org/freedesktop/login1",
                                              node->interfaces[i], &vtable, world, NULL, NULL);
    g_dbus_node_info_unref(node);
    world->name =
        g_bus_own_name_on_connection(world->service, "org.freedesktop.login1",
                                     G_BUS_NAME_OWNER_FLAGS_NONE, on_owned, NULL, &owned, NULL);
    while (!owned)
        g_main_context_iteration(NULL, TRUE);
    world->target = g_object_new(TYPE_NO_TARGET, NULL);
    world->cancellable = g_cancellable_new();
    world->request = (ActionRequest){
        .target = world->target,
        .policy = &world->policy,
        .step = &world->step,
    };
}

static void tear_down(World *world, gconstpointer data)
{
    g_clear_object(&world->result);
    g_ptr_array_unref(world->held);
    g_object_unref(world->cancellable);
    g_clear_handle_id(&world->name, g_bus_unown_name);
    for (guint i = 0; i < G_N_ELEMENTS(world->objects); i++)
        g_dbus_connection_unregister_object(world->service, world->objects[i]);
    if (world->services.bus != NULL)
        g_dbus_connection_close_sync(world->services.bus, NULL, NULL);
    g_dbus_connection_close_sync(world->service, NULL, NULL);
    g_clear_object(&world->services.bus);
    g_object_unref(world->service);
    g_test_dbus_down(world->test_bus);
    g_object_unref(world->test_bus);
    g_string_free(world->calls, TRUE);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    g_assert_finalize_object(world->target);
}

static void on_result(GObject *source, GAsyncResult *result, gpointer user_data)
{
    World *world = user_data;

    g_assert_null(world->result);
    world->result = g_object_ref(result);
}

static void start(World *world, FailureAction action, guint64 limit_us)
{
    g_clear_object(&world->result);
    g_string_truncate(world->calls, 0);
    world->step.action = action;
    world->request.until_us = time_add(boottime_now(), limit_us);
    action_start(&world->services, &world->request, world->cancellable, on_result, world);
}

static void assert_answer(World *world, ActionOutcome expected, const char *words)
{
    g_autofree char *detail = NULL;

    while (world->result == NULL)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpint(action_finish(world->result, &detail), ==, expected);
    g_assert_null(strchr(detail, '\n'));
    g_assert_nonnull(strstr(detail, words));
}

static const FailureAction both[] = { FAILURE_ACTION_HOST_POWEROFF, FAILURE_ACTION_HOST_REBOOT };

static void test_calls(World *world, gconstpointer data)
{
    start(world, FAILURE_ACTION_HOST_POWEROFF, LONG_US);
    assert_answer(world, ACTION_WORKED, "shut down");
    g_assert_cmpstr(world->calls->str, ==, "PowerOffWithFlags (uint64 0,)\n");
    start(world, FAILURE_ACTION_HOST_REBOOT, LONG_US);
    assert_answer(world, ACTION_WORKED, "rebooted");
    g_assert_cmpstr(world->calls->str, ==, "RebootWithFlags (uint64 0,)\n");

    world->old = TRUE;
    start(world, FAILURE_ACTION_HOST_POWEROFF, LONG_US);
    assert_answer(world, ACTION_WORKED, "shut down");
    g_assert_cmpstr(world->calls->str, ==, "PowerOffWithFlags (uint64 0,)\nPowerOff (false,)\n");
    start(world, FAILURE_ACTION_HOST_REBOOT, LONG_US);
    assert_answer(world, ACTION_WORKED, "rebooted");
    g_assert_cmpstr(world->calls->str, ==, "RebootWithFlags (uint64 0,)\nReboot (false,)\n");
}

static void test_errors(World *world, gconstpointer data)
{
    static const char *const names[] = {
        "org.freedesktop.DBus.Error.AccessDenied",
        "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
        "net.example.Whatever",
    };

    for (guint i = 0; i < G_N_ELEMENTS(both); i++)
        for (guint k = 0; k < G_N_ELEMENTS(names); k++) {
            world->error = names[k];
            start(world, both[i], LONG_US);
            assert_answer(world, ACTION_FAILED, "logind refused: as it wants");
        }
    /* Neither form of the method: asked once each. */
    world->old = TRUE;
    world->error = "org.freedesktop.DBus.Error.UnknownMethod";
    start(world, FAILURE_ACTION_HOST_REBOOT, LONG_US);
    assert_answer(world, ACTION_FAILED, "logind refused");
    g_assert_cmpstr(world->calls->str, ==, "RebootWithFlags (uint64 0,)\nReboot (false,)\n");
}

/* Two registrations ask for it; or the host is going to sleep. */
static void test_in_progress(World *world, gconstpointer data)
{
    world->error = "org.freedesktop.login1.OperationInProgress";
    for (int old = 0; old < 2; old++) {
        world->old = old;
        world->preparing = TRUE;
        start(world, FAILURE_ACTION_HOST_REBOOT, LONG_US);
        assert_answer(world, ACTION_WORKED, "going down already");
        world->preparing = FALSE;
        start(world, FAILURE_ACTION_HOST_REBOOT, LONG_US);
        assert_answer(world, ACTION_FAILED, "something else");
    }
}

static void test_absent(World *world, gconstpointer data)
{
    static const char *const names[] = { "org.freedesktop.DBus.Error.Spawn.ChildExited",
                                         "org.freedesktop.DBus.Error.ServiceUnknown" };

    for (guint k = 0; k < G_N_ELEMENTS(names); k++) {
        world->error = names[k];
        start(world, FAILURE_ACTION_HOST_POWEROFF, LONG_US);
        assert_answer(world, ACTION_FAILED, "logind is not there");
    }
    g_clear_handle_id(&world->name, g_bus_unown_name);
    for (guint i = 0; i < G_N_ELEMENTS(both); i++) {
        start(world, both[i], LONG_US);
        assert_answer(world, ACTION_FAILED, "logind is not there");
    }
    g_dbus_connection_close_sync(world->services.bus, NULL, NULL);
    start(world, FAILURE_ACTION_HOST_POWEROFF, LONG_US);
    assert_answer(world, ACTION_FAILED, "logind is not there");
    g_clear_object(&world->services.bus);
    start(world, FAILURE_ACTION_HOST_POWEROFF, LONG_US);
    assert_answer(world, ACTION_FAILED, "no bus");
}

static void test_silent(World *world, gconstpointer data)
{
    world->silent = TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(both); i++) {
        start(world, both[i], 50000);
        assert_answer(world, ACTION_FAILED, "did not answer in time");
    }
    for (guint i = 0; i < G_N_ELEMENTS(both); i++) {
        start(world, both[i], LONG_US);
        while (world->calls->len == 0)
            g_main_context_iteration(NULL, TRUE);
        g_cancellable_cancel(world->cancellable);
        assert_answer(world, ACTION_FAILED, "did not answer in time");
        g_object_unref(world->cancellable);
        world->cancellable = g_cancellable_new();
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, function)                                                                        \
    g_test_add("/action-host/" path, World, NULL, set_up, function, tear_down)
    ADD("calls", test_calls);
    ADD("errors", test_errors);
    ADD("in-progress", test_in_progress);
    ADD("absent", test_absent);
    ADD("silent", test_silent);
    return g_test_run();
}
