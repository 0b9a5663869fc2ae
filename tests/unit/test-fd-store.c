/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What systemd is told of descriptors that are to be kept, and what is made of those that it gives.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/bailiff-error.h"
#include "common/fd-store.h"
#include "support/notify-double.h"
#include "support/wait-for.h"

static int new_file(void)
{
    int fd = memfd_create("kept", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static gboolean is_same_file(int a, int b)
{
    struct stat x, y;

    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

static void assert_silence(NotifyDouble *systemd)
{
    int fd;
    g_autofree char *text = notify_double_take(systemd, &fd);

    g_assert_cmpstr(text, ==, NULL);
}

/* `file` -1: nothing comes with it. */
static void assert_said(NotifyDouble *systemd, const char *expected, int file)
{
    int fd;
    g_autofree char *text = notify_double_take(systemd, &fd);

    g_assert_cmpstr(text, ==, expected);
    g_assert_cmpint(fd >= 0, ==, file >= 0);
    if (file >= 0) {
        g_assert_true(is_same_file(fd, file));
        close(fd);
    }
}

static void test_kept_and_dropped(NotifyDouble *systemd, gconstpointer unused)
{
    g_autoptr(FdStore) store = fd_store_new(-1);
    int one = new_file(), other = new_file();

    assert_silence(systemd);
    g_assert_true(fd_store_is_shared(store));
    fd_store_keep(store, "process-1-2-3", one, FD_STORE_PROCESS);
    assert_said(systemd, "FDSTORE=1\nFDNAME=process-1-2-3\nFDPOLL=0", one);
    fd_store_keep(store, "process-1-2-3", one, FD_STORE_PROCESS);
    assert_silence(systemd);
    fd_store_keep(store, "watchdog", other, FD_STORE_WATCHDOG);
    assert_said(systemd, "FDSTORE=1\nFDNAME=watchdog\nFDPOLL=0", other);
    fd_store_drop(store, "process-1-2-3");
    assert_said(systemd, "FDSTOREREMOVE=1\nFDNAME=process-1-2-3", -1);
    fd_store_drop(store, "process-1-2-3");
    fd_store_drop(store, "never-kept");
    assert_silence(systemd);
    close(one);
    close(other);
}

/* It is the caller's business when his own is closed. */
static void test_has_its_own(NotifyDouble *systemd, gconstpointer unused)
{
    g_autoptr(FdStore) store = fd_store_new(-1);
    int ends[2];
    char byte;

    g_assert_cmpint(pipe2(ends, O_CLOEXEC | O_NONBLOCK), ==, 0);
    fd_store_keep(store, "one", ends[1], FD_STORE_EXEC);
    close(ends[1]);
    g_assert_cmpint(read(ends[0], &byte, 1), ==, -1); /* there is somebody who may write */
    assert_silence(systemd);
    fd_store_drop(store, "one");
    g_assert_cmpint(read(ends[0], &byte, 1), ==, 0);
    assert_silence(systemd);
    close(ends[0]);
}

static void test_bad_names(NotifyDouble *systemd, gconstpointer unused)
{
    static const char *const names[] = {
        "",
        "a:b",
        "a\nFDSTOREREMOVE=1",
        "a b",
        "\xc3\xa9",
        "a/b",
        "0123456789012345678901234567890123456789012345678901234567890",
    };
    g_autoptr(FdStore) store = fd_store_new(-1);
    int file = new_file();

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        fd_store_keep(store, names[i], file, FD_STORE_PROCESS);
        fd_store_drop(store, names[i]);
        assert_silence(systemd);
    }
    fd_store_keep(store, "012345678901234567890123456789012345678901234567890123456789", file,
                  FD_STORE_PROCESS);
    assert_said(systemd,
                "FDSTORE=1\nFDNAME="
                "012345678901234567890123456789012345678901234567890123456789\nFDPOLL=0",
                file);
    close(file);
}

static void test_without_systemd(void)
{
    g_unsetenv("NOTIFY_SOCKET");
    g_autoptr(FdStore) store = fd_store_new(-1);
    int file = new_file();

    g_assert_false(fd_store_is_shared(store));
    fd_store_keep(store, "one", file, FD_STORE_PROCESS);
    g_assert_cmpint(fd_store_take(store, "one"), ==, -1); /* kept, and not given */
    fd_store_settle(store);
    fd_store_drop(store, "one");
    fd_store_keep(NULL, "one", file, FD_STORE_PROCESS);
    fd_store_drop(NULL, "one");
    g_assert_cmpint(fd_store_take(NULL, "one"), ==, -1);
    g_assert_false(fd_store_is_shared(NULL));
    close(file);
}

/* Nothing waits for a systemd that does not read; what is of no interest any more is never said. */
static void test_a_systemd_that_does_not_read(NotifyDouble *systemd, gconstpointer unused)
{
    g_autoptr(FdStore) store = fd_store_new(-1);
    g_autofree char *room = NULL;
    guint n_kept = 0, n_said = 0, n_removed = 0, n;
    int file = new_file();

    g_assert_true(g_file_get_contents("/proc/sys/net/unix/max_dgram_qlen", &room, NULL, NULL));
    n = (guint)strtoul(room, NULL, 10) + 20;
    for (; n_kept < n; n_kept++) {
        g_autofree char *name = g_strdup_printf("early-%u", n_kept);
        fd_store_keep(store, name, file, FD_STORE_PROCESS);
    }
    fd_store_keep(store, "too-late", file, FD_STORE_PROCESS);
    fd_store_drop(store, "too-late");
    fd_store_drop(store, "early-0");
    fd_store_keep(store, "early-0", file, FD_STORE_PROCESS);
    while (n_said < n_kept + 1 || n_removed < 1) {
        int fd;
        g_autofree char *text = notify_double_take(systemd, &fd);

        if (text == NULL) {
            g_main_context_iteration(NULL, TRUE);
            continue;
        }
        g_assert_null(strstr(text, "too-late"));
        if (g_str_has_prefix(text, "FDSTOREREMOVE=1\nFDNAME=early-0"))
            n_removed++;
        else if (strstr(text, "FDNAME=early-0\n") != NULL)
            /* The second one means the new file: it comes after the removal. */
            g_assert_cmpuint(n_removed, ==, n_said == 0 ? 0 : 1);
        n_said += fd >= 0 ? 1 : 0;
        if (fd >= 0)
            close(fd);
    }
    g_assert_cmpuint(n_said, ==, n_kept + 1);
    assert_silence(systemd);
    close(file);
}

static guint count_said(NotifyDouble *systemd)
{
    guint n = 0;

    for (;; n++) {
        int fd;
        g_autofree char *text = notify_double_take(systemd, &fd);

        if (text == NULL)
            return n;
        if (fd >= 0)
            close(fd);
    }
}

/* No more than what the unit allows for, and what the kernel has room for in the environment. */
static void test_full(NotifyDouble *systemd, gconstpointer unused)
{
    struct rlimit limit, more;
    g_autoptr(FdStore) store = NULL;
    guint n_said = 0;
    int file;

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    more = limit;
    more.rlim_cur = 2 * FD_STORE_MAX;
    if (more.rlim_cur > more.rlim_max) {
        g_test_skip("there may not be so many open files");
        return;
    }
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &more), ==, 0);
    store = fd_store_new(-1);
    file = new_file();
    for (guint i = 0; i < FD_STORE_MAX + 100; i++) {
        g_autofree char *name = g_strdup_printf("process-%u", i);

        fd_store_keep(store, name, file, FD_STORE_PROCESS);
        n_said += count_said(systemd);
    }
    g_assert_cmpuint(n_said, <, FD_STORE_MAX);
    g_assert_cmpuint(n_said, >, FD_STORE_MAX - 100);
    /* For this there is always room. */
    fd_store_keep(store, "watchdog", file, FD_STORE_WATCHDOG);
    assert_said(systemd, "FDSTORE=1\nFDNAME=watchdog\nFDPOLL=0", file);
    assert_silence(systemd);
    /* The next one in the line. */
    fd_store_drop(store, "process-7");
    assert_said(systemd, "FDSTOREREMOVE=1\nFDNAME=process-7", -1);
    {
        g_autofree char *next = g_strdup_printf("FDSTORE=1\nFDNAME=process-%u\nFDPOLL=0", n_said);
        assert_said(systemd, next, file);
    }
    assert_silence(systemd);
    g_clear_pointer(&store, fd_store_free);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    close(file);
}

/* --- over an exec ----------------------------------------------------------------------------- */

static FdStore *pass_on(FdStore *store)
{
    g_autoptr(GError) error = NULL;
    int list = fd_store_pass_on(store, &error);

    g_assert_no_error(error);
    return fd_store_new(list);
}

/* As after an exec, but that the descriptors are those of the first one still. */
static void test_passed_on(NotifyDouble *systemd, gconstpointer unused)
{
    FdStore *first = fd_store_new(-1);
    FdStore *second;
    g_auto(GStrv) names = NULL;
    int one = new_file(), two = new_file();
    int fd;

    fd_store_keep(first, "one", one, FD_STORE_PROCESS);
    fd_store_keep(first, "two", two, FD_STORE_PROCESS);
    fd_store_keep(first, "wdmd-a b", two, FD_STORE_EXEC);
    g_assert_cmpuint(count_said(systemd), ==, 2);
    second = pass_on(first);
    g_assert_cmpint(fd_store_take(second, "three"), ==, -1);
    names = fd_store_list_given(second);
    g_assert_cmpuint(g_strv_length(names), ==, 3);
    fd = fd_store_take(second, "one");
    g_assert_true(is_same_file(fd, one));
    g_assert_cmpint(fcntl(fd, F_GETFD), ==, FD_CLOEXEC);
    g_assert_cmpint(fd_store_take(second, "one"), ==, -1);
    fd_store_keep(second, "one", fd, FD_STORE_PROCESS);
    close(fd);
    fd = fd_store_take(second, "wdmd-a b");
    g_assert_true(is_same_file(fd, two));
    close(fd);
    assert_silence(systemd);
    /* "two" nobody wanted; of "wdmd" systemd knows nothing. */
    fd_store_settle(second);
    assert_said(systemd, "FDSTOREREMOVE=1\nFDNAME=two", -1);
    assert_silence(systemd);
    fd_store_drop(second, "one");
    assert_said(systemd, "FDSTOREREMOVE=1\nFDNAME=one", -1);
    fd_store_free(second);
    close(one);
    close(two);
    /* Its descriptors are the second one's. */
    fd_store_take_back(first);
}

/* What was not taken is not believed to be what is kept under its name. */
static void test_given_and_not_looked_at(NotifyDouble *systemd, gconstpointer unused)
{
    FdStore *first = fd_store_new(-1);
    FdStore *second;
    int wrong = new_file(), right = new_file();

    fd_store_keep(first, "one", wrong, FD_STORE_PROCESS);
    assert_said(systemd, "FDSTORE=1\nFDNAME=one\nFDPOLL=0", wrong);
    second = pass_on(first);
    fd_store_keep(second, "one", right, FD_STORE_PROCESS);
    assert_said(systemd, "FDSTOREREMOVE=1\nFDNAME=one", -1);
    assert_said(systemd, "FDSTORE=1\nFDNAME=one\nFDPOLL=0", right);
    /* The same for one that was taken, and found wrong. */
    {
        FdStore *third = pass_on(second);

        close(fd_store_take(third, "one"));
        fd_store_drop(third, "one");
        fd_store_keep(third, "one", right, FD_STORE_PROCESS);
        assert_said(systemd, "FDSTOREREMOVE=1\nFDNAME=one", -1);
        assert_said(systemd, "FDSTORE=1\nFDNAME=one\nFDPOLL=0", right);
        fd_store_free(third);
    }
    close(wrong);
    close(right);
}

static int write_list(const char *text)
{
    int list = memfd_create("list", MFD_CLOEXEC);

    g_assert_cmpint(write(list, text, strlen(text)), ==, (gssize)strlen(text));
    return list;
}

static void test_bad_lists(NotifyDouble *systemd, gconstpointer unused)
{
    static const char *const lists[] = {
        "",
        "\n\n\n",
        "one",
        "1 1 standard-output",
        "99999 1 not-open",
        "4294967299 1 wrapped",
        "-2 1 negative",
        "x 1 none",
        "-1 1 a:b",
        "-1 1",
    };
    int ends[2];

    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_autoptr(FdStore) store = fd_store_new(write_list(lists[i]));
        g_auto(GStrv) names = fd_store_list_given(store);

        g_assert_cmpuint(g_strv_length(names), ==, 0);
        assert_silence(systemd);
    }
    /* No list at all. */
    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    fd_store_free(fd_store_new(ends[0]));
    g_assert_cmpint(fcntl(ends[0], F_GETFD), ==, -1);
    close(ends[1]);
    {
        g_autoptr(FdStore) store = fd_store_new(write_list("-1 1 left-over\n"));

        assert_said(systemd, "FDSTOREREMOVE=1\nFDNAME=left-over", -1);
    }
}

/* --- from systemd ----------------------------------------------------------------------------- */

/* In a process of its own, since systemd's descriptors begin with 3. What is wrong is its status.
 */
static int take_as_a_service(int one, int other)
{
    g_autoptr(FdStore) store = NULL;
    g_autofree char *pid = g_strdup_printf("%d", (int)getpid());
    int fds[] = { fcntl(one, F_DUPFD, 100), fcntl(other, F_DUPFD, 100) };
    int fd;

    for (int i = 0; i < 3; i++)
        if (dup2(fds[i == 1], 3 + i) != 3 + i)
            return 1;
    g_setenv("LISTEN_PID", pid, TRUE);
    g_setenv("LISTEN_FDS", "3", TRUE);
    g_setenv("LISTEN_FDNAMES", "one:future-thing:one", TRUE);
    store = fd_store_new(-1);
    if (g_getenv("LISTEN_FDS") != NULL || g_getenv("LISTEN_PID") != NULL ||
        g_getenv("LISTEN_FDNAMES") != NULL)
        return 2;
    if (fcntl(3, F_GETFD) != FD_CLOEXEC || fcntl(4, F_GETFD) != FD_CLOEXEC)
        return 3;
    if (fcntl(5, F_GETFD) != -1)
        return 4; /* the second one of that name */
    fd = fd_store_take(store, "one");
    if (!is_same_file(fd, one))
        return 5;
    fd_store_keep(store, "one", fd, FD_STORE_PROCESS);
    fd_store_settle(store);
    return fcntl(3, F_GETFD) < 0 ? 6 : fcntl(4, F_GETFD) >= 0 ? 7 : 0;
}

static void test_given_by_systemd(NotifyDouble *systemd, gconstpointer unused)
{
    int one = new_file(), other = new_file();
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(take_as_a_service(one, other));
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
    assert_said(systemd, "FDSTOREREMOVE=1\nFDNAME=future-thing", -1);
    assert_silence(systemd);
    close(one);
    close(other);
}

/* They are somebody else's. */
static void test_given_to_another_process(NotifyDouble *systemd, gconstpointer unused)
{
    g_autoptr(FdStore) store = NULL;

    g_setenv("LISTEN_PID", "1", TRUE);
    g_setenv("LISTEN_FDS", "1", TRUE);
    store = fd_store_new(-1);
    g_auto(GStrv) names = fd_store_list_given(store);
    g_assert_cmpuint(g_strv_length(names), ==, 0);
    g_assert_null(g_getenv("LISTEN_FDS"));
}

static void set_up(NotifyDouble *systemd, gconstpointer unused)
{
    notify_double_listen(systemd);
}

static void tear_down(NotifyDouble *systemd, gconstpointer unused)
{
    notify_double_end(systemd);
}

static void add(const char *name, void (*test)(NotifyDouble *, gconstpointer))
{
    g_test_add(name, NotifyDouble, NULL, set_up, test, tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/fd-store/kept-and-dropped", test_kept_and_dropped);
    add("/fd-store/has-its-own", test_has_its_own);
    add("/fd-store/bad-names", test_bad_names);
    add("/fd-store/a-systemd-that-does-not-read", test_a_systemd_that_does_not_read);
    add("/fd-store/full", test_full);
    add("/fd-store/passed-on", test_passed_on);
    add("/fd-store/given-and-not-looked-at", test_given_and_not_looked_at);
    add("/fd-store/bad-lists", test_bad_lists);
    add("/fd-store/given-by-systemd", test_given_by_systemd);
    add("/fd-store/given-to-another-process", test_given_to_another_process);
    g_test_add_func("/fd-store/without-systemd", test_without_systemd);
    return g_test_run();
}
