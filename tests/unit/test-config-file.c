/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration: what counts of several files, and the sentence for each thing that is wrong.
 */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "common/bailiff-error.h"
#include "engine/config-file.h"
#include "failure/failure-policy-parser.h"

typedef struct Fixture {
    char *directory;
    char *path;
    char *drop_ins;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data)
{
    fixture->directory = g_dir_make_tmp("bailiff-config-XXXXXX", NULL);
    fixture->path = g_build_filename(fixture->directory, "bailiffd.conf", NULL);
    fixture->drop_ins = g_strconcat(fixture->path, ".d", NULL);
    g_assert_cmpint(g_mkdir(fixture->drop_ins, 0700), ==, 0);
}

static void remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    g_assert_cmpint(g_remove(path), ==, 0);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    remove_tree(fixture->directory);
    g_free(fixture->directory);
    g_free(fixture->path);
    g_free(fixture->drop_ins);
}

static void write_main(Fixture *fixture, const char *text)
{
    g_assert_true(g_file_set_contents(fixture->path, text, -1, NULL));
}

static void write_drop_in(Fixture *fixture, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(fixture->drop_ins, name, NULL);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static ConfigFile *load(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    ConfigFile *config = config_file_load(fixture->path, TRUE, &error);

    g_assert_no_error(error);
    return config;
}

static void assert_policy(ConfigFile *config, const char *lockspace, FailureTarget target,
                          const char *expected)
{
    char text[FAILURE_POLICY_TEXT_MAX];

    failure_policy_print(failure_defaults_get(config->failure_defaults, lockspace, target), text);
    g_assert_cmpstr(text, ==, expected);
}

static void test_nothing(Fixture *fixture, gconstpointer data)
{
    g_autoptr(ConfigFile) none = load(fixture);
    g_autoptr(ConfigFile) none_at_all = config_file_load("/dev/null", FALSE, NULL);

    assert_policy(none, "a", FAILURE_TARGET_PROCESS, "signal TERM 10s, kill");
    g_assert_true(none->real_time);
    g_assert_cmpint((int)none->watchdog, ==, WATCHDOG_NONE);
    g_assert_cmpstr(none->watchdog_device, ==, "/dev/watchdog");
    g_assert_cmpstr(none->watchdog_socket, ==, "/run/wdmd/wdmd.sock");
    g_assert_cmpuint(none->watchdog_timeout, ==, 60);
    g_assert_cmpint(none->idle_exit, ==, -1);
    g_assert_cmpstr(none->libvirt_driver, ==, "QEMU");
    g_assert_cmpstr(none->libvirt_run_dir, ==, "/run/libvirt/qemu");
    g_assert_nonnull(none_at_all);

    g_autoptr(GError) error = NULL;
    g_assert_null(config_file_load(fixture->path, FALSE, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    g_assert_nonnull(strstr(error->message, fixture->path));
}

static void test_everything(Fixture *fixture, gconstpointer data)
{
    write_main(fixture,
               "# a comment\n\n"
               "[failure-policy]\n"
               "process = signal INT 5s, kill  \n"
               "unit=exec /bin/sh \"a \\\"b\\\"\" 3s, stop-unit, kill; on-recovery restart\n"
               "domain=\tpause, kill; on-recovery resume\n"
               "[lockspace vg0]\n"
               "failure-policy-process=kill\n"
               "failure-policy-unit=freeze 2s, kill\n"
               "failure-policy-domain=restart, kill\n"
               "[libvirt]\n"
               "driver=Xen\n"
               "run-directory=/run/libvirt/libxl\n"
               "[watchdog]\n"
               "type=device\n"
               "device=/dev/watchdog1\n"
               "timeout=120\n"
               "socket=/tmp/wdmd.sock\n"
               "[daemon]\n"
               "real-time=no\n"
               "idle-exit=300s\n");
    g_autoptr(ConfigFile) config = load(fixture);

    assert_policy(config, NULL, FAILURE_TARGET_PROCESS, "signal INT 5s, kill");
    assert_policy(config, "other", FAILURE_TARGET_UNIT,
                  "exec /bin/sh \"a \\\"b\\\"\" 3s, stop-unit 10s, kill; on-recovery restart");
    assert_policy(config, "other", FAILURE_TARGET_DOMAIN, "pause 10s, kill; on-recovery resume");
    assert_policy(config, "vg0", FAILURE_TARGET_PROCESS, "kill");
    assert_policy(config, "vg0", FAILURE_TARGET_UNIT, "freeze 2s, kill");
    assert_policy(config, "vg0", FAILURE_TARGET_DOMAIN, "restart 10s, kill");
    g_assert_cmpstr(config->libvirt_driver, ==, "Xen");
    g_assert_cmpint((int)config->watchdog, ==, WATCHDOG_DEVICE);
    g_assert_cmpstr(config->watchdog_device, ==, "/dev/watchdog1");
    g_assert_cmpuint(config->watchdog_timeout, ==, 120);
    g_assert_cmpstr(config->watchdog_socket, ==, "/tmp/wdmd.sock");
    g_assert_false(config->real_time);
    g_assert_cmpint(config->idle_exit, ==, 300);
    g_assert_cmpstr(config->libvirt_run_dir, ==, "/run/libvirt/libxl");
}

/* By name, whatever order the directory has; key by key; other files are not looked at. */
static void test_drop_ins(Fixture *fixture, gconstpointer data)
{
    write_drop_in(fixture, "90-last.conf", "[failure-policy]\nprocess=signal USR1 9s, kill\n");
    write_drop_in(fixture, "10-first.conf", "[failure-policy]\nprocess=kill\nunit=kill\n");
    write_drop_in(fixture, "50-middle.conf", "[failure-policy]\nprocess=signal HUP 5s, kill\n");
    write_drop_in(fixture, "99-saved.conf~", "[nonsense]\n");
    write_drop_in(fixture, ".99-hidden.conf", "[nonsense]\n");
    write_main(fixture, "[failure-policy]\nprocess=notify, kill\ndomain=kill\n");
    g_autoptr(ConfigFile) config = load(fixture);

    assert_policy(config, NULL, FAILURE_TARGET_PROCESS, "signal USR1 9s, kill");
    assert_policy(config, NULL, FAILURE_TARGET_UNIT, "kill");
    assert_policy(config, NULL, FAILURE_TARGET_DOMAIN, "kill");

    g_assert_cmpint(g_remove(fixture->path), ==, 0);
    g_autoptr(ConfigFile) without_main = load(fixture);
    assert_policy(without_main, NULL, FAILURE_TARGET_UNIT, "kill");
}

static const struct {
    const char *text;
    BailiffError code;
    const char *place; /* behind the file's name */
    const char *cause;
} wrong[] = {
    { "nonsense\n", BAILIFF_ERROR_INVALID_ARGUMENT, ": ", "group" },
    { "[failure-policy]\nprocess\n", BAILIFF_ERROR_INVALID_ARGUMENT, ": ", "process" },
    { "[failure-policy\n", BAILIFF_ERROR_INVALID_ARGUMENT, ": ", "failure-policy" },
    { "[failurepolicy]\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [failurepolicy]: ", "There is no such group.\nGroups: [failure-policy]" },
    { "[lockspace]\n", BAILIFF_ERROR_INVALID_ARGUMENT, ", [lockspace]: ", "no such group" },
    { "[lockspace ]\n", BAILIFF_ERROR_INVALID_ARGUMENT, ", [lockspace ]: ", "empty" },
    { "[lockspace a b]\n", BAILIFF_ERROR_INVALID_ARGUMENT, ", [lockspace a b]: ", "character" },
    { "[lockspace 0123456789012345678901234567890123456789012345678]\n",
      BAILIFF_ERROR_INVALID_ARGUMENT, ", [lockspace 0", "49 bytes" },
    { "[failure-policy]\nproces=kill\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [failure-policy], proces: ", "Keys of this group: process, unit, domain." },
    { "[failure-policy]\nprocess[de]=kill\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [failure-policy], process[de]: ", "no such key" },
    { "[lockspace a]\nprocess=kill\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [lockspace a], process: ", "Keys of this group: failure-policy-process" },
    { "[lockspace a]\nfailure-policy-=kill\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [lockspace a], failure-policy-: ", "no such key" },
    { "[failure-policy]\nprocess=\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [failure-policy], process: ", "character 1: there are no steps.\nLeave it away" },
    { "[failure-policy]\nprocess=signal TERM 5s\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [failure-policy], process: ",
      "character 1 ('signal'): the last step is not kill.\nAdd kill" },
    { "[failure-policy]\nprocess=notify, slay\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [failure-policy], process: ",
      "character 9 ('slay'): there is no such action.\nActions: " },
    { "[failure-policy]\nprocess=pause, kill\n", BAILIFF_ERROR_UNSUPPORTED,
      ", [failure-policy], process: ", "not possible for a process.\nFor a process use" },
    { "[failure-policy]\nunit=pause, kill\n", BAILIFF_ERROR_UNSUPPORTED,
      ", [failure-policy], unit: ", "not possible for a unit.\nFor a unit use" },
    { "[failure-policy]\ndomain=freeze, kill\n", BAILIFF_ERROR_UNSUPPORTED,
      ", [failure-policy], domain: ", "not possible for a domain.\nFor a domain use" },
    { "[failure-policy]\nprocess=kill; on-recovery restart\n", BAILIFF_ERROR_UNSUPPORTED,
      ", [failure-policy], process: ", "On recovery restart is not possible for a process" },
    { "[failure-policy]\nunit=stop-unit 30s, freeze 11s, kill\n", BAILIFF_ERROR_POLICY_TOO_LONG,
      ", [failure-policy], unit: ", "take 30 + 11 = 41 seconds" },
    { "[failure-policy]\nunit=stop-unit -3s, kill\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [failure-policy], unit: ", "grace" },
    { "[failure-policy]\nprocess=kill\x1b[2J\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [failure-policy], process: ", "cannot be read" },
    { "[failure-policy]\nprocess=notify, exec /nowhere/at/all, kill\n",
      BAILIFF_ERROR_INVALID_ARGUMENT, ", [failure-policy], process: ",
      "Step 2 of the failure policy: /nowhere/at/all is no program" },
    { "[failure-policy]\nprocess=exec /etc/passwd, kill\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [failure-policy], process: ", "/etc/passwd is no program" },
    { "[failure-policy]\nprocess=exec /bin, kill\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [failure-policy], process: ", "/bin is no program" },
    { "[failure-policy]\nprocess=exec /bin/\xff, kill\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [failure-policy], process: ", "program" },
    { "[lib\x7fvirt]\n", BAILIFF_ERROR_INVALID_ARGUMENT, ": ", "" },
    { "[watchdog]\ntype=softdog\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [watchdog], type: ", "none, device or wdmd" },
    { "[watchdog]\ndevice=watchdog0\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [watchdog], device: ", "whole path" },
    { "[watchdog]\ntimeout=9\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [watchdog], timeout: ", "from 10 to 600" },
    { "[watchdog]\ntimeout=601\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [watchdog], timeout: ", "from 10 to 600" },
    { "[watchdog]\ntimeout=60s\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [watchdog], timeout: ", "from 10 to 600" },
    { "[watchdog]\ninterval=5\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [watchdog], interval: ", "type, device, timeout, socket" },
    { "[daemon]\nreal-time=maybe\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [daemon], real-time: ", "Say yes or no." },
    { "[daemon]\nrealtime=yes\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [daemon], realtime: ", "Keys of this group: idle-exit, real-time." },
    { "[daemon]\nidle-exit=0\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [daemon], idle-exit: ", "1 to 86400" },
    { "[daemon]\nidle-exit=\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [daemon], idle-exit: ", "1 to 86400" },
    { "[daemon]\nidle-exit=5min\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [daemon], idle-exit: ", "1 to 86400" },
    { "[libvirt]\ndriver=\n", BAILIFF_ERROR_INVALID_ARGUMENT, ", [libvirt], driver: ", "driver" },
    { "[libvirt]\ndriver=../QEMU\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [libvirt], driver: ", "such as QEMU" },
    { "[libvirt]\nrun-directory=run\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [libvirt], run-directory: ", "whole path" },
    { "[libvirt]\nrun-directory=/run/\xff\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [libvirt], run-directory: ", "whole path" },
    { "[libvirt]\nurl=x\n", BAILIFF_ERROR_INVALID_ARGUMENT,
      ", [libvirt], url: ", "driver, run-directory" },
    { "[libvirt]\n\xff\xfe=x\n", BAILIFF_ERROR_INVALID_ARGUMENT, ", [libvirt], ", "" },
};

static void assert_refused(Fixture *fixture, const char *file, gsize i)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *place = g_strconcat(file, wrong[i].place, NULL);

    g_assert_null(config_file_load(fixture->path, TRUE, &error));
    g_assert_error(error, BAILIFF_ERROR, (int)wrong[i].code);
    g_test_message("%s", error->message);
    g_assert_true(g_str_has_prefix(error->message, place));
    g_assert_nonnull(strstr(error->message, wrong[i].cause));
    g_assert_cmpuint(strcspn(error->message, "\n") + 1, <, strlen(error->message));
    g_assert_null(strchr(strchr(error->message, '\n') + 1, '\n'));
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
    g_assert_null(strchr(error->message, '\x1b'));
}

static void test_wrong(Fixture *fixture, gconstpointer data)
{
    g_autofree char *drop_in = g_build_filename(fixture->drop_ins, "a.conf", NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        write_main(fixture, wrong[i].text);
        assert_refused(fixture, fixture->path, i);
    }
    /* Good before and after it makes it no better. */
    write_main(fixture, "[failure-policy]\nprocess=kill\n");
    write_drop_in(fixture, "b.conf", "[failure-policy]\nprocess=kill\nunit=kill\ndomain=kill\n");
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        write_drop_in(fixture, "a.conf", wrong[i].text);
        assert_refused(fixture, drop_in, i);
    }
}

static void test_unreadable(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *drop_in = g_build_filename(fixture->drop_ins, "directory.conf", NULL);

    g_assert_cmpint(g_mkdir(drop_in, 0700), ==, 0);
    g_assert_null(config_file_load(fixture->path, TRUE, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    g_clear_error(&error);

    /* What stands where the directory should be. */
    remove_tree(fixture->drop_ins);
    g_assert_true(g_file_set_contents(fixture->drop_ins, "", 0, NULL));
    g_assert_null(config_file_load(fixture->path, TRUE, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
}

/* The example that is installed says nothing, so that it may be put in place as it is. */
static void test_example(void)
{
    g_autofree char *path =
        g_test_build_filename(G_TEST_DIST, "..", "..", "data", "bailiffd.conf", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(ConfigFile) config = config_file_load(path, FALSE, &error);
    g_autofree char *text = NULL;

    g_assert_no_error(error);
    assert_policy(config, "vg0", FAILURE_TARGET_DOMAIN, "pause 10s, poweroff 20s, kill");

    /* And with what it proposes, it is good as well. */
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_autoptr(GRegex) comment = g_regex_new("^#(?=[a-z\\[])", G_REGEX_MULTILINE, 0, NULL);
    g_autofree char *used = g_regex_replace_literal(comment, text, -1, 0, "", 0, NULL);
    g_autofree char *copy = NULL;
    int fd = g_file_open_tmp("bailiff-config-XXXXXX", &copy, NULL);
    g_assert_cmpint(fd, >=, 0);
    g_close(fd, NULL);
    g_assert_true(g_file_set_contents(copy, used, -1, NULL));
    g_autoptr(ConfigFile) with_all = config_file_load(copy, FALSE, &error);
    g_assert_no_error(error);
    assert_policy(with_all, "vg0", FAILURE_TARGET_DOMAIN,
                  "pause 10s, poweroff 20s, kill; on-recovery resume");
    g_assert_cmpint(g_remove(copy), ==, 0);
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/config-file/nothing", test_nothing);
    ADD("/config-file/everything", test_everything);
    ADD("/config-file/drop-ins", test_drop_ins);
    ADD("/config-file/wrong", test_wrong);
    ADD("/config-file/unreadable", test_unreadable);
    g_test_add_func("/config-file/example", test_example);
    return g_test_run();
}
