/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who the callers are, asked of a bus driver that answers when it is told: the test has the other
 * end of a connection, and is all callers there and the driver as well.
 */
#include <gio/gio.h>
#include <sys/socket.h>

#include "common/bailiff-error.h"
#include "dbus/authorization.h"
#include "support/wait-for.h"

#define SERVICE_PATH "/service"
#define DRIVER_PATH "/org/freedesktop/DBus"

static const char interfaces[] =
    "<node>"
    "  <interface name='test.Service'>"
    "    <method name='Act'><arg type='u' direction='in'/></method>"
    "  </interface>"
    "  <interface name='org.freedesktop.DBus'>"
    "    <method name='GetConnectionUnixUser'>"
    "      <arg type='s' direction='in'/><arg type='u' direction='out'/>"
    "    </method>"
    "  </interface>"
    "</node>";

typedef struct Fixture {
    GDBusConnection *service, *bus;
    BailiffAuthorization *authorization;
    GQueue questions; /* of GDBusMethodInvocation: what the driver was asked and has not answered */
    GString *answered; /* the calls in the order of their answers, as "NUMBER:UID " */
    guint begun;
} Fixture;

typedef struct Call {
    Fixture *fixture;
    GDBusMethodInvocation *invocation;
} Call;

static void identified(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Call *call = user_data;
    g_autoptr(GError) error = NULL;
    uid_t uid;
    guint number;

    g_variant_get(g_dbus_method_invocation_get_parameters(call->invocation), "(u)", &number);
    if (bailiff_authorization_identify_finish(BAILIFF_AUTHORIZATION(source), result, &uid,
                                              &error)) {
        g_string_append_printf(call->fixture->answered, "%u:%u ", number, (guint)uid);
    } else {
        g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_AUTHORIZED);
        g_assert_cmpuint(uid, ==, (uid_t)-1);
        g_string_append_printf(call->fixture->answered, "%u:refused ", number);
    }
    g_dbus_method_invocation_return_value(call->invocation, NULL);
    g_free(call);
}

static void act(GDBusConnection *connection, const gchar *sender, const gchar *path,
                const gchar *interface, const gchar *method, GVariant *parameters,
                GDBusMethodInvocation *invocation, gpointer user_data)
{
    Fixture *f = user_data;
    Call *call = g_new0(Call, 1);

    call->fixture = f;
    call->invocation = invocation;
    bailiff_authorization_identify_async(f->authorization, invocation, identified, call);
    f->begun++;
}

static void ask(GDBusConnection *connection, const gchar *sender, const gchar *path,
                const gchar *interface, const gchar *method, GVariant *parameters,
                GDBusMethodInvocation *invocation, gpointer user_data)
{
    Fixture *f = user_data;
    g_queue_push_tail(&f->questions, invocation);
}

static GDBusConnection *new_connection(int fd)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, &error);
    g_assert_no_error(error);
    g_autoptr(GSocketConnection) stream = g_socket_connection_factory_create_connection(socket);
    /* Without authentication nothing has to be awaited here. */
    GDBusConnection *connection = g_dbus_connection_new_sync(
        G_IO_STREAM(stream), NULL, G_DBUS_CONNECTION_FLAGS_NONE, NULL, NULL, &error);
    g_assert_no_error(error);
    return connection;
}

static void set_up(Fixture *f, gconstpointer data)
{
    static const GDBusInterfaceVTable service = { .method_call = act }, driver = { ask };
    g_autoptr(GError) error = NULL;
    g_autoptr(GDBusNodeInfo) info = g_dbus_node_info_new_for_xml(interfaces, &error);
    int ends[2];

    g_assert_no_error(error);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
    f->service = new_connection(ends[0]);
    f->bus = new_connection(ends[1]);
    g_dbus_connection_register_object(f->service, SERVICE_PATH, info->interfaces[0], &service, f,
                                      NULL, &error);
    g_assert_no_error(error);
    g_dbus_connection_register_object(f->bus, DRIVER_PATH, info->interfaces[1], &driver, f, NULL,
                                      &error);
    g_assert_no_error(error);
    f->authorization = bailiff_authorization_new();
    g_queue_init(&f->questions);
    f->answered = g_string_new(NULL);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    g_assert_true(g_queue_is_empty(&f->questions));
    g_object_unref(f->authorization);
    g_object_unref(f->service);
    g_object_unref(f->bus);
    g_string_free(f->answered, TRUE);
}

/* Sends a call of `sender`, and waits until the service has it. */
static void call_as(Fixture *f, const char *sender, guint number)
{
    g_autoptr(GDBusMessage) message =
        g_dbus_message_new_method_call(NULL, SERVICE_PATH, "test.Service", "Act");
    g_autoptr(GError) error = NULL;
    guint begun = f->begun;

    g_dbus_message_set_sender(message, sender);
    g_dbus_message_set_body(message, g_variant_new("(u)", number));
    g_dbus_connection_send_message(f->bus, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, &error);
    g_assert_no_error(error);
    WAIT_FOR(f->begun > begun);
}

/* The driver answers the oldest question: `uid`, or with an error where there is none. */
static void answer_first(Fixture *f, const guint *uid)
{
    WAIT_FOR(!g_queue_is_empty(&f->questions));
    GDBusMethodInvocation *question = g_queue_pop_head(&f->questions);

    if (uid != NULL)
        g_dbus_method_invocation_return_value(question, g_variant_new("(u)", *uid));
    else
        g_dbus_method_invocation_return_error_literal(question, G_DBUS_ERROR,
                                                      G_DBUS_ERROR_NAME_HAS_NO_OWNER, "gone");
}

#define WAIT_FOR_ANSWERS(f, expected)                                                              \
    G_STMT_START                                                                                   \
    {                                                                                              \
        WAIT_FOR((f)->answered->len >= strlen(expected));                                          \
        g_assert_cmpstr((f)->answered->str, ==, expected);                                         \
    }                                                                                              \
    G_STMT_END

static const guint JANE = 1000, JOHN = 1001;

/* Calls that wait for an answer are not overtaken by one that comes when it is known. */
static void test_order(Fixture *f, gconstpointer data)
{
    call_as(f, ":1.1", 1);
    call_as(f, ":1.1", 2);
    call_as(f, ":1.1", 3);
    answer_first(f, &JANE);
    WAIT_FOR(f->answered->len > 0);
    call_as(f, ":1.1", 4);
    WAIT_FOR_ANSWERS(f, "1:1000 2:1000 3:1000 4:1000 ");
}

/* Each caller waits for its own answer only. */
static void test_two_callers(Fixture *f, gconstpointer data)
{
    call_as(f, ":1.1", 1);
    call_as(f, ":1.2", 2);
    call_as(f, ":1.1", 3);
    WAIT_FOR(g_queue_get_length(&f->questions) == 2);
    GDBusMethodInvocation *first = g_queue_pop_head(&f->questions);
    answer_first(f, &JOHN);
    WAIT_FOR_ANSWERS(f, "2:1001 ");
    g_dbus_method_invocation_return_value(first, g_variant_new("(u)", JANE));
    WAIT_FOR_ANSWERS(f, "2:1001 1:1000 3:1000 ");
}

static void test_caller_gone(Fixture *f, gconstpointer data)
{
    call_as(f, ":1.1", 1);
    call_as(f, ":1.1", 2);
    answer_first(f, NULL);
    WAIT_FOR_ANSWERS(f, "1:refused 2:refused ");
    /* That is no answer to keep. */
    call_as(f, ":1.1", 3);
    answer_first(f, &JANE);
    WAIT_FOR_ANSWERS(f, "1:refused 2:refused 3:1000 ");
}

/* On another bus the same name is somebody else's. */
static void test_another_bus(Fixture *f, gconstpointer data)
{
    call_as(f, ":1.1", 1);
    bailiff_authorization_forget(f->authorization);
    call_as(f, ":1.1", 2);
    answer_first(f, &JANE);
    WAIT_FOR_ANSWERS(f, "1:1000 ");
    call_as(f, ":1.1", 3);
    answer_first(f, &JOHN);
    WAIT_FOR_ANSWERS(f, "1:1000 2:1001 3:1001 ");
    call_as(f, ":1.1", 4);
    WAIT_FOR_ANSWERS(f, "1:1000 2:1001 3:1001 4:1001 ");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/authorization/order", Fixture, NULL, set_up, test_order, tear_down);
    g_test_add("/authorization/two-callers", Fixture, NULL, set_up, test_two_callers, tear_down);
    g_test_add("/authorization/caller-gone", Fixture, NULL, set_up, test_caller_gone, tear_down);
    g_test_add("/authorization/another-bus", Fixture, NULL, set_up, test_another_bus, tear_down);
    return g_test_run();
}
