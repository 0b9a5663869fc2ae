/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What systemd shows of the service, along the life of a lockspace on a real file.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include "actions/launcher-process.h"
#include "daemon/service-status.h"
#include "support/engine-fixture.h"

static void assert_description(Fixture *fixture, const char *expected)
{
    g_autofree char *text = service_status_describe(fixture->engine);

    g_assert_cmpstr(text, ==, expected);
}

static void test_texts(Fixture *fixture, gconstpointer unused)
{
    assert_description(fixture, "No lockspaces, no registrations");
    g_assert_cmpuint(service_status_patience(fixture->engine), ==, 0);
    format(fixture, NULL, 0);
    join(fixture);
    assert_description(fixture, "1 lockspace (held), no registrations");
    /* io timeout 1 s: 8 s until it fails, 40 s of failure policies, 20 s for the last kill. */
    g_assert_cmpuint(service_status_patience(fixture->engine), ==, 68);

    register_child(fixture, start_child(fixture), "one");
    assert_description(fixture, "1 lockspace (held), 1 registration (active)");
    register_child(fixture, start_child(fixture), "two");
    assert_description(fixture, "1 lockspace (held), 2 registrations (worst: active)");
}

/* Reads all that has arrived; the last status counts. */
static void read_status(int fd, char **status)
{
    char text[4096];
    ssize_t length;

    while ((length = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT)) >= 0) {
        text[length] = '\0';
        if (!g_str_has_prefix(text, "STATUS="))
            continue;
        g_free(*status);
        *status = g_strchomp(g_strdup(text + strlen("STATUS=")));
    }
}

static void test_changes(Fixture *fixture, gconstpointer data)
{
    int fd = *(const int *)data;
    g_autofree char *status = NULL;
    g_autoptr(ServiceManager) manager = service_manager_new();
    g_autoptr(ServiceStatus) self = service_status_new(fixture->engine, manager);

#define WAIT_FOR_STATUS(expected)                                                                  \
    WAIT_FOR((read_status(fd, &status), g_strcmp0(status, expected) == 0))
    WAIT_FOR_STATUS("No lockspaces, no registrations");
    format(fixture, NULL, 0);
    join(fixture);
    WAIT_FOR_STATUS("1 lockspace (held), no registrations");
    pid_t pid = start_child(fixture);
    register_child(fixture, pid, "one");
    WAIT_FOR_STATUS("1 lockspace (held), 1 registration (active)");
    end_child(fixture, pid);
    WAIT_FOR_STATUS("1 lockspace (held), no registrations");
    service_status_set_activity(self, "Shutting down");
    WAIT_FOR_STATUS("Shutting down: 1 lockspace (held), no registrations");
}

static gboolean is_up(Launcher *launcher)
{
    return launcher_is_up(launcher);
}

static void test_launcher(Fixture *fixture, gconstpointer data)
{
    int fd = *(const int *)data;
    g_autofree char *status = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Launcher) launcher = launcher_new(NULL, &error);
    g_autoptr(ServiceManager) manager = service_manager_new();
    g_autoptr(ServiceStatus) self = service_status_new(fixture->engine, manager);

    g_assert_no_error(error);
    service_status_set_launcher(self, launcher);
    WAIT_FOR_STATUS("No lockspaces, no registrations");
    g_assert_no_errno(kill(launcher_get_pid(launcher), SIGKILL));
    WAIT_FOR_STATUS("No lockspaces, no registrations; no launcher of programs: exec steps fail");
    service_status_set_activity(self, "Shutting down");
    WAIT_FOR_STATUS("Shutting down: No lockspaces, no registrations; "
                    "no launcher of programs: exec steps fail");
    service_status_set_activity(self, NULL);
    WAIT_FOR(is_up(launcher));
    WAIT_FOR_STATUS("No lockspaces, no registrations");
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/tmp/notify-XXXXXX" };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int status;

    if (argc == 3 && g_str_equal(argv[1], LAUNCHER_OPTION))
        return launcher_process_main_of_word(argv[2]);
    g_test_init(&argc, &argv, NULL);
    close(g_mkstemp(address.sun_path));
    g_unlink(address.sun_path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    g_setenv("NOTIFY_SOCKET", address.sun_path, TRUE);
    g_test_add("/service-status/texts", Fixture, NULL, set_up, test_texts, tear_down);
    g_test_add("/service-status/changes", Fixture, &fd, set_up, test_changes, tear_down);
    g_test_add("/service-status/launcher", Fixture, &fd, set_up, test_launcher, tear_down);
    status = g_test_run();
    close(fd);
    g_unlink(address.sun_path);
    return status;
}
