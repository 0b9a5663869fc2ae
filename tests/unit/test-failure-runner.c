/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A walk whose step needs the bus, and what becomes of it where the bus is awaited: at the start of
 * a daemon that goes on for another one, and when one leaves the bus for the next. The other end of
 * the bus is a double of logind on a connection without a bus between.
 */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "engine/failure-runner.h"

#define GRACE_SECONDS 20u

typedef struct World {
    ActionServices services;
    GDBusConnection *service; /* logind's end; NULL: there is no bus */
    guint n_calls;
    gboolean silent;
    GPtrArray *held; /* of GDBusMethodInvocation */
    BailiffTarget *target;
    FailurePolicy policy;
    GString *told;
    guint64 killed_us; /* 0: not yet */
    FailureRunner *runner;
} World;

static World *killer; /* whose target it is that is killed */

#define TYPE_COUNTED_TARGET (counted_target_get_type())
G_DECLARE_FINAL_TYPE(CountedTarget, counted_target, COUNTED, TARGET, BailiffTarget)
struct _CountedTarget {
    BailiffTarget parent_instance;
};
G_DEFINE_FINAL_TYPE(CountedTarget, counted_target, BAILIFF_TYPE_TARGET)

static gboolean counted_target_kill(BailiffTarget *target, GError **error)
{
    if (killer->killed_us == 0)
        killer->killed_us = boottime_now();
    return TRUE;
}

static gboolean counted_target_signal(BailiffTarget *target, int signal_number, GError **error)
{
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "None.", "As the test wants it.");
    return FALSE;
}

static void counted_target_class_init(CountedTargetClass *klass)
{
    BAILIFF_TARGET_CLASS(klass)->signal = counted_target_signal;
    BAILIFF_TARGET_CLASS(klass)->kill = counted_target_kill;
}

static void counted_target_init(CountedTarget *self)
{
}

/* --- the bus --------------------------------------------------------------------------------- */

static const char login_xml[] = "<node><interface name='org.freedesktop.login1.Manager'>"
                                "<method name='PowerOffWithFlags'><arg type='t' direction='in'/>"
                                "</method></interface></node>";

static void on_call(GDBusConnection *bus, const char *sender, const char *path,
                    const char *interface, const char *method, GVariant *parameters,
                    GDBusMethodInvocation *invocation, gpointer user_data)
{
    World *world = user_data;

    world->n_calls++;
    if (world->silent)
        g_ptr_array_add(world->held, invocation);
    else
        g_dbus_method_invocation_return_value(invocation, NULL);
}

static GDBusConnection *make_end(GSocket *socket)
{
    g_autoptr(GSocketConnection) stream = g_socket_connection_factory_create_connection(socket);
    g_autoptr(GError) error = NULL;
    GDBusConnection *end = g_dbus_connection_new_sync(
        G_IO_STREAM(stream), NULL, G_DBUS_CONNECTION_FLAGS_NONE, NULL, NULL, &error);

    g_assert_no_error(error);
    return end;
}

static GSocket *make_socket(int fd)
{
    g_autoptr(GError) error = NULL;
    GSocket *socket = g_socket_new_from_fd(fd, &error);

    g_assert_no_error(error);
    return socket;
}

static void bus_comes(World *world)
{
    static const GDBusInterfaceVTable vtable = { .method_call = on_call };
    g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml(login_xml, NULL);
    g_autoptr(GDBusConnection) client = NULL;
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    g_autoptr(GSocket) ours = make_socket(fds[0]);
    g_autoptr(GSocket) theirs = make_socket(fds[1]);
    client = make_end(ours);
    world->service = make_end(theirs);
    g_dbus_connection_register_object(world->service, "/org/freedesktop/login1",
                                      node->interfaces[0], &vtable, world, NULL, NULL);
    action_services_set_bus(&world->services, client);
    if (world->runner != NULL)
        failure_runner_bus_came(world->runner);
}

static void bus_goes(World *world)
{
    g_autoptr(GDBusConnection) client = g_object_ref(world->services.bus);

    action_services_set_bus(&world->services, NULL);
    g_dbus_connection_close_sync(client, NULL, NULL);
    g_dbus_connection_close_sync(world->service, NULL, NULL);
    g_clear_object(&world->service);
}

/* --- the walk -------------------------------------------------------------------------------- */

static void on_point(const FailureStep *step, const FailureRunnerPoint *point, gpointer user_data)
{
    World *world = user_data;

    g_string_append_printf(world->told, "at %u%s; ", (guint)point->step,
                           point->worked ? " worked" : "");
}

static void on_started(guint index, const FailureStep *step, gpointer user_data)
{
    World *world = user_data;

    g_string_append_printf(world->told, "started %u; ", index);
}

static void on_finished(guint index, const FailureStep *step, gboolean worked, const char *detail,
                        gpointer user_data)
{
    World *world = user_data;

    g_string_append_printf(world->told, "finished %u %s: %s; ", index, worked ? "well" : "badly",
                           detail);
}

static void on_quiet(gpointer user_data)
{
    g_assert_not_reached();
}

static const FailureRunnerEvents events = { on_point, on_started, on_finished, on_quiet };

static void set_up(World *world, gconstpointer data)
{
    action_services_init(&world->services, NULL, NULL, NULL);
    world->held = g_ptr_array_new_with_free_func(g_object_unref);
    world->target = g_object_new(TYPE_COUNTED_TARGET, NULL);
    world->told = g_string_new(NULL);
    world->policy = (FailurePolicy){ .steps = { { FAILURE_ACTION_HOST_POWEROFF,
                                                  .grace_seconds = GRACE_SECONDS },
                                                { FAILURE_ACTION_KILL } },
                                     .n_steps = 2 };
    killer = world;
}

/* The step has `left_us` of its grace; it was begun by another one. */
static guint64 resume(World *world, guint64 left_us)
{
    const ActionRequest request = { .target = world->target, .lockspace = "space" };
    guint64 fail_us = boottime_now() + left_us - time_from_seconds(GRACE_SECONDS);
    const FailureRunnerPoint point = { .since_us = fail_us };

    world->runner = failure_runner_resume(&world->services, &request, &world->policy, fail_us,
                                          &point, &events, world);
    return fail_us;
}

static void tear_down(World *world, gconstpointer data)
{
    failure_runner_free(world->runner);
    g_ptr_array_unref(world->held);
    if (world->service != NULL)
        bus_goes(world);
    action_services_clear(&world->services);
    g_string_free(world->told, TRUE);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    g_object_unref(world->target);
}

static void settle(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        continue;
}

static void wait_told(World *world, const char *words)
{
    while (strstr(world->told->str, words) == NULL)
        g_main_context_iteration(NULL, TRUE);
}

#define LONG_US time_from_seconds(GRACE_SECONDS - 1)

static void test_not_awaited(World *world, gconstpointer data)
{
    resume(world, LONG_US);
    wait_told(world, "started 1; ");
    g_assert_true(g_str_has_prefix(
        world->told->str,
        "at 0; started 0; finished 0 badly: logind is not there: there is no bus; at 1; "));
}

static void test_comes_in_time(World *world, gconstpointer data)
{
    world->services.bus_is_awaited = TRUE;
    resume(world, LONG_US);
    settle();
    g_assert_cmpstr(world->told->str, ==, "at 0; started 0; ");
    bus_comes(world);
    wait_told(world, "worked");
    g_assert_cmpstr(world->told->str, ==, "at 0; started 0; at 0 worked; ");
    g_assert_cmpuint(world->n_calls, ==, 1);
    failure_runner_cleared(world->runner);
    g_assert_nonnull(strstr(world->told->str, "finished 0 well: the host is shut down; "));
    g_assert_cmpuint(world->killed_us, ==, 0);
}

/* The failure for want of it is on its way when it comes. */
static void test_comes_before_the_answer(World *world, gconstpointer data)
{
    world->services.bus_is_awaited = TRUE;
    resume(world, LONG_US);
    bus_comes(world);
    wait_told(world, "worked");
    g_assert_cmpuint(world->n_calls, ==, 1);
    g_assert_cmpuint(world->killed_us, ==, 0);
}

/* What fails with a bus has failed. */
static void test_comes_in_vain(World *world, gconstpointer data)
{
    world->services.bus_is_awaited = TRUE;
    resume(world, LONG_US);
    settle();
    world->services.bus_is_awaited = FALSE;
    failure_runner_bus_came(world->runner);
    wait_told(world, "started 1; ");
    g_assert_nonnull(strstr(world->told->str, "finished 0 badly: logind is not there"));
}

/* No deadline is moved: the walk goes on when the grace has ended, and says why. */
static void test_does_not_come(World *world, gconstpointer data)
{
    world->services.bus_is_awaited = TRUE;
    guint64 fail_us = resume(world, USEC_PER_SECOND / 5);

    wait_told(world, "started 1; ");
    g_assert_cmpuint(world->killed_us, >=, fail_us + time_from_seconds(GRACE_SECONDS));
    g_assert_nonnull(strstr(world->told->str, "finished 0 badly: logind is not there"));
    /* It was for that step, which is over. */
    bus_comes(world);
    settle();
    g_assert_cmpuint(world->n_calls, ==, 0);
}

static void test_cleared_meanwhile(World *world, gconstpointer data)
{
    world->services.bus_is_awaited = TRUE;
    resume(world, LONG_US);
    settle();
    failure_runner_cleared(world->runner);
    g_assert_nonnull(strstr(world->told->str, "finished 0 well: cleared meanwhile; "));
    bus_comes(world);
    settle();
    g_assert_cmpuint(world->n_calls, ==, 0);
}

/* The daemon leaves the bus with the call out; nobody followed, and it is on the bus again. */
static void test_departure(World *world, gconstpointer data)
{
    bus_comes(world);
    world->silent = TRUE;
    resume(world, LONG_US);
    while (world->n_calls == 0)
        g_main_context_iteration(NULL, TRUE);
    world->services.bus_is_awaited = TRUE;
    g_ptr_array_set_size(world->held, 0);
    bus_goes(world);
    settle();
    g_assert_cmpstr(world->told->str, ==, "at 0; started 0; ");
    world->silent = FALSE;
    bus_comes(world);
    wait_told(world, "worked");
    g_assert_cmpuint(world->n_calls, ==, 2);
    g_assert_cmpuint(world->killed_us, ==, 0);
}

/* What needs no bus waits for none. */
static void test_other_actions(World *world, gconstpointer data)
{
    world->services.bus_is_awaited = TRUE;
    world->policy.steps[0].action = FAILURE_ACTION_SIGNAL;
    world->policy.steps[0].signal_number = SIGTERM;
    resume(world, LONG_US);
    wait_told(world, "started 1; ");
    g_assert_nonnull(strstr(world->told->str, "finished 0 badly: "));
    g_assert_cmpuint(world->killed_us, !=, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, function)                                                                        \
    g_test_add("/failure-runner/" path, World, NULL, set_up, function, tear_down)
    ADD("not-awaited", test_not_awaited);
    ADD("comes-in-time", test_comes_in_time);
    ADD("comes-before-the-answer", test_comes_before_the_answer);
    ADD("comes-in-vain", test_comes_in_vain);
    ADD("does-not-come", test_does_not_come);
    ADD("cleared-meanwhile", test_cleared_meanwhile);
    ADD("departure", test_departure);
    ADD("other-actions", test_other_actions);
    return g_test_run();
}
