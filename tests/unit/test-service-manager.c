/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What arrives at a double of systemd's socket.
 */
#include <errno.h>
#include <glib.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/service-manager.h"

typedef struct Double {
    int fd;
    char *directory;
} Double;

/* abstract: the path of the socket, with @ in front of it, which is a name and no file. */
static void set_up(Double *self, gconstpointer abstract)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;

    self->directory = g_dir_make_tmp("service-manager-XXXXXX", &error);
    g_assert_no_error(error);
    path = g_strdup_printf("%s%s/notify", abstract != NULL ? "@" : "", self->directory);
    g_setenv("NOTIFY_SOCKET", path, TRUE);
    g_unsetenv("WATCHDOG_USEC");
    g_unsetenv("WATCHDOG_PID");

    self->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(self->fd, >=, 0);
    memcpy(address.sun_path, path, strlen(path));
    if (abstract != NULL)
        address.sun_path[0] = '\0';
    g_assert_cmpint(bind(self->fd, (struct sockaddr *)&address,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))),
                    ==, 0);
}

static void tear_down(Double *self, gconstpointer abstract)
{
    g_autofree char *path = g_build_filename(self->directory, "notify", NULL);

    close(self->fd);
    unlink(path);
    rmdir(self->directory);
    g_free(self->directory);
}

/* NULL: there is none. */
static char *take_message(Double *self)
{
    char text[4096];
    ssize_t length = recv(self->fd, text, sizeof(text), MSG_DONTWAIT);

    if (length < 0) {
        g_assert_cmpint(errno, ==, EAGAIN);
        return NULL;
    }
    return g_strndup(text, (gsize)length);
}

static void assert_message(Double *self, const char *expected)
{
    g_autofree char *text = take_message(self);

    if (text != NULL && g_str_has_suffix(text, "\n"))
        text[strlen(text) - 1] = '\0';
    g_assert_cmpstr(text, ==, expected);
}

static char *wait_for_message(Double *self)
{
    char *text;

    while ((text = take_message(self)) == NULL)
        g_main_context_iteration(NULL, TRUE);
    return text;
}

static void test_states(Double *self, gconstpointer abstract)
{
    g_autoptr(ServiceManager) manager = service_manager_new();
    gint64 before = g_get_monotonic_time();

    assert_message(self, NULL);
    service_manager_ready(manager);
    assert_message(self, "READY=1");
    service_manager_stopping(manager);
    assert_message(self, "STOPPING=1");

    service_manager_reloading(manager);
    g_autofree char *text = take_message(self);
    g_assert_true(g_str_has_prefix(text, "RELOADING=1\nMONOTONIC_USEC="));
    gint64 when = g_ascii_strtoll(strchr(text, 'C') + strlen("C_USEC="), NULL, 10);
    g_assert_cmpint(when, >=, before);
    g_assert_cmpint(when, <=, g_get_monotonic_time());
}

static void test_status(Double *self, gconstpointer unused)
{
    g_autoptr(ServiceManager) manager = service_manager_new();
    g_autofree char *endless = g_strnfill(100000, 'x');

    service_manager_set_status(manager, "one");
    assert_message(self, "STATUS=one");
    service_manager_set_status(manager, "one");
    assert_message(self, NULL);
    service_manager_set_status(manager, "two\nSTOPPING=1\rx");
    assert_message(self, "STATUS=two STOPPING=1 x");
    service_manager_set_status(manager, "\xff");
    assert_message(self, "STATUS=\xef\xbf\xbd");
    service_manager_set_status(manager, endless);
    g_autofree char *text = take_message(self);
    g_assert_cmpuint(strlen(text), <, 4096);
}

static void set_watchdog(guint64 us)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, us);

    g_setenv("WATCHDOG_USEC", text, TRUE);
}

static void test_pings(Double *self, gconstpointer unused)
{
    g_autoptr(ServiceManager) manager = NULL;

    set_watchdog(40000);
    manager = service_manager_new();
    gint64 start = g_get_monotonic_time();
    for (guint i = 0; i < 4; i++) {
        g_autofree char *text = wait_for_message(self);
        g_assert_cmpstr(text, ==, "WATCHDOG=1");
    }
    /* Four of them take the whole time (a timer may be a millisecond early each); how late they
     * are is up to the machine. */
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 25000);
    /* They go on when it stops: that is when failure policies are walked. */
    service_manager_stopping(manager);
    for (;;) {
        g_autofree char *text = wait_for_message(self);
        if (g_str_equal(text, "STOPPING=1\n"))
            break;
        g_assert_cmpstr(text, ==, "WATCHDOG=1");
    }
    g_autofree char *text = wait_for_message(self);
    g_assert_cmpstr(text, ==, "WATCHDOG=1");
}

static void test_watchdog_of_another_process(Double *self, gconstpointer unused)
{
    g_autoptr(ServiceManager) manager = NULL;

    set_watchdog(G_USEC_PER_SEC);
    g_setenv("WATCHDOG_PID", "1", TRUE);
    manager = service_manager_new();
    service_manager_set_patience(manager, 300);
    assert_message(self, NULL);
}

static void test_patience(Double *self, gconstpointer unused)
{
    g_autoptr(ServiceManager) manager = NULL;

    set_watchdog(180 * G_USEC_PER_SEC);
    manager = service_manager_new();
    service_manager_set_patience(manager, 140);
    assert_message(self, NULL);
    service_manager_set_patience(manager, 300);
    assert_message(self, "WATCHDOG_USEC=300000000\nWATCHDOG=1");
    service_manager_set_patience(manager, 300);
    assert_message(self, NULL);
    service_manager_set_patience(manager, 0);
    assert_message(self, "WATCHDOG_USEC=180000000\nWATCHDOG=1");
}

/* A systemd that does not read must not make the main loop wait, nor memory grow; and it hears in
 * the end how things stand. */
static void test_no_room(Double *self, gconstpointer unused)
{
    g_autoptr(ServiceManager) manager = NULL;
    guint n_read = 0;

    set_watchdog(180 * G_USEC_PER_SEC);
    manager = service_manager_new();
    for (guint i = 0; i < 100000; i++) {
        g_autofree char *status = g_strdup_printf("status %u", i);
        service_manager_set_status(manager, status);
    }
    service_manager_ready(manager);
    service_manager_set_patience(manager, 300);
    for (char *text; (text = take_message(self)) != NULL; n_read++)
        g_free(text);
    g_assert_cmpuint(n_read, >, 0);
    g_assert_cmpuint(n_read, <, 100000);

    g_autofree char *text = wait_for_message(self);
    g_assert_cmpstr(text, ==,
                    "READY=1\nSTATUS=status 99999\nWATCHDOG_USEC=300000000\nWATCHDOG=1\n");
    assert_message(self, NULL);
    service_manager_stopping(manager);
    assert_message(self, "STOPPING=1");
}

static void test_nobody_there(void)
{
    static const char *const addresses[] = {
        NULL, "", "/", "@", "relative", "vsock:2:1234", "/nowhere/at/all", "@nowhere-at-all",
    };
    g_autofree char *endless = g_strnfill(200, '/');

    set_watchdog(180 * G_USEC_PER_SEC);
    g_unsetenv("WATCHDOG_PID");
    for (guint i = 0; i <= G_N_ELEMENTS(addresses); i++) {
        const char *address = i < G_N_ELEMENTS(addresses) ? addresses[i] : endless;

        if (address == NULL)
            g_unsetenv("NOTIFY_SOCKET");
        else
            g_setenv("NOTIFY_SOCKET", address, TRUE);
        g_autoptr(ServiceManager) manager = service_manager_new();
        service_manager_ready(manager);
        service_manager_set_status(manager, "one");
        service_manager_set_patience(manager, 300);
        service_manager_reloading(manager);
    }
}

#define ADD(path, abstract, function)                                                              \
    g_test_add("/service-manager/" path, Double, abstract, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("states", NULL, test_states);
    ADD("states-abstract", "@", test_states);
    ADD("status", NULL, test_status);
    ADD("pings", NULL, test_pings);
    ADD("watchdog-of-another-process", NULL, test_watchdog_of_another_process);
    ADD("patience", NULL, test_patience);
    ADD("no-room", NULL, test_no_room);
    g_test_add_func("/service-manager/nobody-there", test_nobody_there);
    return g_test_run();
}
