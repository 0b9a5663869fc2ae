/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pid files that lead to a QEMU, to others, to nobody, and such as should not be there at all.
 */
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actions/domain-process.h"

#define UUID "6695eb01-f6a4-8304-79aa-97f2502e193f"
#define OTHER_UUID "6695eb01-f6a4-8304-79aa-97f2502e1930"

static const ProcessIdentity none = { .pidfd = -1 };

typedef struct Place {
    char *directory;
    char *pid_file;
} Place;

static void set_up(Place *place, gconstpointer unused)
{
    place->directory = g_dir_make_tmp("bailiff-domains-XXXXXX", NULL);
    g_assert_nonnull(place->directory);
    place->pid_file = g_build_filename(place->directory, "vm.pid", NULL);
}

static void tear_down(Place *place, gconstpointer unused)
{
    g_remove(place->pid_file);
    g_rmdir(place->directory);
    g_free(place->directory);
    g_free(place->pid_file);
}

static void write_pid_file(Place *place, const char *text)
{
    g_assert_true(g_file_set_contents(place->pid_file, text, -1, NULL));
}

static DomainProcessFind find(Place *place)
{
    g_auto(ProcessIdentity) process = { .pidfd = 99 };
    DomainProcessFind result = domain_process_find(place->directory, "vm", UUID, &none, &process);

    g_assert_cmpint(process.pidfd >= 0, ==, result == DOMAIN_PROCESS_FOUND);
    return result;
}

/* It lives until its standard input is closed. */
static pid_t start(const char *const *arguments, int *ret_stdin)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    GPid pid;

    g_ptr_array_add(all, (char *)"/bin/sh");
    g_ptr_array_add(all, (char *)"-c");
    g_ptr_array_add(all, (char *)"read line");
    for (; *arguments != NULL; arguments++)
        g_ptr_array_add(all, (char *)*arguments);
    g_ptr_array_add(all, NULL);
    g_spawn_async_with_pipes(NULL, (char **)all->pdata, NULL,
                             G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_CLOEXEC_PIPES |
                                 G_SPAWN_STDOUT_TO_DEV_NULL,
                             NULL, NULL, &pid, ret_stdin, NULL, NULL, &error);
    g_assert_no_error(error);
    return pid;
}

static void check_process(Place *place, const char *const *arguments, DomainProcessFind wanted)
{
    g_autofree char *number = NULL;
    int stdin_fd;
    pid_t pid = start(arguments, &stdin_fd);

    number = g_strdup_printf("%d\n", (int)pid);
    write_pid_file(place, number);
    g_assert_cmpint(find(place), ==, wanted);
    close(stdin_fd);
    /* It has ended, and nobody has reaped it yet. */
    g_assert_cmpint(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), ==, 0);
    g_assert_cmpint(find(place), ==, DOMAIN_PROCESS_NONE);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    g_assert_cmpint(find(place), ==, DOMAIN_PROCESS_NONE);
}

static void test_found(Place *place, gconstpointer unused)
{
    check_process(place, (const char *[]){ "qemu", "-uuid", UUID, NULL }, DOMAIN_PROCESS_FOUND);
    check_process(place, (const char *[]){ "qemu", "-name", "guest=vm,debug-threads=on", NULL },
                  DOMAIN_PROCESS_FOUND);
}

static void test_somebody_else(Place *place, gconstpointer unused)
{
    check_process(place, (const char *[]){ "qemu", NULL }, DOMAIN_PROCESS_UNPROVEN);
    check_process(place, (const char *[]){ "qemu", "-uuid", OTHER_UUID, NULL },
                  DOMAIN_PROCESS_UNPROVEN);
    write_pid_file(place, "1\n");
    g_assert_cmpint(find(place), ==, DOMAIN_PROCESS_UNPROVEN);
}

static void test_known(Place *place, gconstpointer unused)
{
    g_auto(ProcessIdentity) first = { .pidfd = -1 };
    g_auto(ProcessIdentity) second = { .pidfd = -1 };
    g_autofree char *number = NULL;
    int stdin_fd;
    pid_t pid = start((const char *[]){ "qemu", "-uuid", UUID, NULL }, &stdin_fd);

    number = g_strdup_printf("%d", (int)pid);
    write_pid_file(place, number);
    g_assert_cmpint(domain_process_find(place->directory, "vm", UUID, &none, &first), ==,
                    DOMAIN_PROCESS_FOUND);
    g_assert_cmpint(first.pid, ==, pid);
    g_assert_cmpint(domain_process_find(place->directory, "vm", UUID, &first, &second), ==,
                    DOMAIN_PROCESS_KNOWN);
    g_assert_cmpint(second.pidfd, ==, -1);
    close(stdin_fd);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    g_assert_cmpint(domain_process_find(place->directory, "vm", UUID, &first, &second), ==,
                    DOMAIN_PROCESS_NONE);
}

static void test_bad_files(Place *place, gconstpointer unused)
{
    static const char *const texts[] = {
        "",        "\n",     "0\n",           "-1\n", "+12\n",
        "12 13\n", "0x10\n", "99999999999\n", "vm\n", "000000000000000000000001\n",
    };
    g_autofree char *myself = g_strdup_printf("%d\n", (int)getpid());
    g_autofree char *elsewhere = g_build_filename(place->directory, "elsewhere", NULL);

    g_assert_cmpint(find(place), ==, DOMAIN_PROCESS_NONE); /* no file */
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        write_pid_file(place, texts[i]);
        g_assert_cmpint(find(place), ==, DOMAIN_PROCESS_UNPROVEN);
    }
    g_remove(place->pid_file);

    /* None of these is waited for, or followed. */
    g_assert_cmpint(mkfifo(place->pid_file, 0600), ==, 0);
    g_assert_cmpint(find(place), ==, DOMAIN_PROCESS_UNPROVEN);
    g_remove(place->pid_file);
    g_assert_cmpint(g_mkdir(place->pid_file, 0700), ==, 0);
    g_assert_cmpint(find(place), ==, DOMAIN_PROCESS_UNPROVEN);
    g_remove(place->pid_file);
    g_assert_true(g_file_set_contents(elsewhere, myself, -1, NULL));
    g_assert_cmpint(symlink("elsewhere", place->pid_file), ==, 0);
    g_assert_cmpint(find(place), ==, DOMAIN_PROCESS_UNPROVEN);
    g_remove(elsewhere);
    g_assert_cmpint(find(place), ==, DOMAIN_PROCESS_UNPROVEN);
}

static void test_no_directory(void)
{
    g_auto(ProcessIdentity) process = { .pidfd = -1 };

    g_assert_cmpint(domain_process_find("/nowhere/at/all", "vm", UUID, &none, &process), ==,
                    DOMAIN_PROCESS_NONE);
    g_assert_cmpint(domain_process_find("/proc/self/cmdline", "vm", UUID, &none, &process), ==,
                    DOMAIN_PROCESS_UNPROVEN);
}

static void test_arguments(void)
{
    static const struct {
        const char *text;
        gsize length;
        gboolean wanted;
    } cases[] = {
#define CASE(text, wanted) { text, sizeof text, wanted }
#define CUT(text, wanted)                                                                          \
    {                                                                                              \
        text, sizeof text - 1, wanted                                                              \
    } /* without the last NUL */
        CASE("qemu\0-uuid\0" UUID, TRUE),
        CASE("qemu\0-uuid\0"
             "6695EB01-F6A4-8304-79AA-97F2502E193F\0-m\0"
             "16",
             TRUE),
        CASE("qemu\0-uuid\0" OTHER_UUID, FALSE),
        CASE("qemu\0-uuid", FALSE),
        CUT("qemu\0-uuid\0" UUID, FALSE),
        CASE("qemu\0-uuid " UUID, FALSE),
        CASE("qemu\0" UUID, FALSE),
        CASE("qemu\0-uuid\0" UUID "0", FALSE),
        CASE("qemu\0-name\0guest=a,,b,debug-threads=on", TRUE),
        CASE("qemu\0-name\0guest=a,,b", TRUE),
        CASE("qemu\0-name\0guest=a,,bc", FALSE),
        CASE("qemu\0-name\0guest=a,b", FALSE),
        CASE("qemu\0-name\0guest=a,,b,,c", FALSE),
        CASE("qemu\0-name\0a,,b", FALSE),
        /* The UUID is what decides where there is one. */
        CASE("qemu\0-name\0guest=a,,b\0-uuid\0" OTHER_UUID, FALSE),
        CASE("", FALSE),
#undef CASE
#undef CUT
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(domain_process_is_qemu_of(cases[i].text, cases[i].length, "a,b", UUID), ==,
                        cases[i].wanted);
    g_assert_false(domain_process_is_qemu_of("", 0, "a,b", UUID));
}

static void test_names(void)
{
    g_autofree char *longest = g_strnfill(251, 'a');
    g_autofree char *longer = g_strnfill(252, 'a');
    static const char *const bad[] = { "",     "a/b",  "/",    ".",    "..",
                                       "../x", "a\nb", "a\tb", "\x7f", "\xff\xfe" };
    static const char *const good[] = { "vm", "a b", "...", "-rf", "gäst", "a,b;c$(d)" };

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(domain_process_name_is_valid(bad[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(domain_process_name_is_valid(good[i]));
    g_assert_true(domain_process_name_is_valid(longest));
    g_assert_false(domain_process_name_is_valid(longer));
}

#define ADD(name, function)                                                                        \
    g_test_add("/domain-process/" name, Place, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("found", test_found);
    ADD("somebody-else", test_somebody_else);
    ADD("known", test_known);
    ADD("bad-files", test_bad_files);
    g_test_add_func("/domain-process/no-directory", test_no_directory);
    g_test_add_func("/domain-process/arguments", test_arguments);
    g_test_add_func("/domain-process/names", test_names);
    return g_test_run();
}
