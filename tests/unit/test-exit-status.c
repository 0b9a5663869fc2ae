/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which exit status an error has. They are stable: scripts branch on them. */
#include <gio/gio.h>

#include "common/bailiff-error.h"
#include "ctl/exit-status.h"

static void check(GQuark domain, int code, CtlExit status)
{
    g_autoptr(GError) error = g_error_new_literal(domain, code, "cause\ncure");
    g_assert_cmpint(ctl_exit_status(error), ==, status);
}

static void test_statuses(void)
{
    check(BAILIFF_ERROR, BAILIFF_ERROR_HELD, 3);
    check(BAILIFF_ERROR, BAILIFF_ERROR_BUSY, 3);
    check(BAILIFF_ERROR, BAILIFF_ERROR_HOST_ID_BUSY, 3);
    check(BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT, 2);
    check(BAILIFF_ERROR, BAILIFF_ERROR_POLICY_TOO_LONG, 2);
    check(BAILIFF_ERROR, BAILIFF_ERROR_NOT_AUTHORIZED, 5);
    check(BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND, 1);
    check(BAILIFF_ERROR, BAILIFF_ERROR_CORRUPT, 1);
    check(BAILIFF_ERROR, BAILIFF_ERROR_LOST, 1);
    check(CTL_ERROR, CTL_EXIT_NOT_FOUND, 127);
    check(G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN, 4);
    check(G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY, 4);
    check(G_IO_ERROR, G_IO_ERROR_TIMED_OUT, 4);
    check(G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, 5);
    check(G_IO_ERROR, G_IO_ERROR_FAILED, 1);
}

/* No error may look like success. */
static void test_never_zero(void)
{
    for (int code = 0; code < BAILIFF_ERROR_COUNT; code++) {
        g_autoptr(GError) error = g_error_new_literal(BAILIFF_ERROR, code, "cause\ncure");
        g_assert_cmpint(ctl_exit_status(error), !=, 0);
    }
}

static void test_report(void)
{
    if (g_test_subprocess()) {
        g_autoptr(GError) error = g_error_new_literal(
            BAILIFF_ERROR, BAILIFF_ERROR_HELD,
            "GDBus.Error:org.bailiff.Error.Held: Held by evil\033[2J (live).\nWait.\nOr not.");
        g_assert_cmpint(ctl_report_error(error), ==, 3);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("*bailiffctl: Held by evil\\u{1b}?2J (live).\n  Wait.\n  Or not.\n*");
}

/* Those of the daemon's that this verb has; and no word that only stands where a name could. */
static void test_options_as_typed(void)
{
    static const GOptionEntry options[] = {
        { "wait", 0, 0, G_OPTION_ARG_NONE, NULL, "", NULL },
        { "resource-offset", 0, 0, G_OPTION_ARG_NONE, NULL, "", NULL },
        { NULL },
    };

    if (g_test_subprocess()) {
        g_autoptr(GError) error = g_error_new_literal(
            BAILIFF_ERROR, BAILIFF_ERROR_HELD,
            "GDBus.Error:org.bailiff.Error.Held: Held, the option wait-not is none (mount option "
            "x).\nUse the option wait, or the option resource-offset.\nLeave the option out, or "
            "adoption wait, or the option adopt, the option --wait, option \xff.");
        ctl_report_with_options(options);
        ctl_report_error(error);
        ctl_report_with_options(NULL);
        ctl_report_error(error);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr(
        "*bailiffctl: Held, the option wait-not is none (mount option x).\n"
        "  Use the option --wait, or the option --resource-offset.\n"
        "  Leave the option out, or adoption wait, or the option adopt, the option --wait, option "
        "*\n"
        "bailiffctl: Held, the option wait-not*\n  Use the option wait, or the option resource-"
        "offset.\n*");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/exit-status/statuses", test_statuses);
    g_test_add_func("/exit-status/never-zero", test_never_zero);
    g_test_add_func("/exit-status/report", test_report);
    g_test_add_func("/exit-status/options-as-typed", test_options_as_typed);
    return g_test_run();
}
