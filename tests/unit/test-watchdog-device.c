/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The watchdog with a device: real system calls to a pseudo device (pseudo-watchdog.c), which says
 * what it was told and when, and resets nothing.
 */
#include <fcntl.h>
#include <gio/gio.h>
#include <linux/watchdog.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "failure/reset-plan.h"
#include "support/watchdog-bench.h"

/* --- good ones ------------------------------------------------------------------------------- */

static void test_arms_feeds_and_disarms(Bench *self, gconstpointer unused)
{
    WatchdogGuard *one, *other;

    if (is_skipped(self))
        return;
    assert_state(self, "idle");
    g_assert_cmpuint(pseudo_device_count(self->device, "open"), ==, 0);
    one = guard(self, "one", TIME_NEVER);
    assert_state(self, "armed");
    confirm(self, one, boottime_now() + FRESH_US);
    g_assert_cmpuint(pseudo_device_count(self->device, "open"), ==, 1);
    WAIT_FOR(strstr(watchdog_get_description(self->watchdog), "Pseudo watchdog") != NULL);
    /* By itself, without anything from the main loop. */
    WAIT_FOR(pseudo_device_count(self->device, "keepalive") >= 3);
    other = guard(self, "other", boottime_now() + FRESH_US);
    watchdog_guard_free(one);
    watchdog_guard_renewed(other, boottime_now() + FRESH_US);
    confirm(self, other, boottime_now() + FRESH_US);
    g_assert_cmpuint(pseudo_device_count(self->device, "magic"), ==, 0);
    assert_state(self, "armed");
    watchdog_guard_free(other);
    assert_state(self, "idle");
    WAIT_FOR(pseudo_device_count(self->device, "stop") == 1);
    WAIT_FOR(*watchdog_get_description(self->watchdog) == '\0');
    /* And again. */
    one = guard(self, "one", boottime_now() + FRESH_US);
    WAIT_FOR(pseudo_device_count(self->device, "open") == 2);
    watchdog_guard_free(one);
    WAIT_FOR(pseudo_device_count(self->device, "stop") == 2);
    g_assert_cmpuint(pseudo_device_count(self->device, "unclean"), ==, 0);
}

static void test_counts_down(Bench *self, gconstpointer unused)
{
    guint64 fail_us = boottime_now() + SECOND;
    WatchdogGuard *one;

    if (is_skipped(self))
        return;
    one = guard(self, "one", fail_us);
    confirm(self, one, fail_us);
    /* The main loop stands still from here on: nothing is told to anybody. */
    while (boottime_now() < fail_us + SECOND / 2)
        g_usleep(10000);
    g_assert_true(fires_in_window_of(self, fail_us));
    watchdog_guard_failed(one, fail_us);
    assert_state(self, "firing");
    confirm(self, one, fail_us);
    g_assert_true(fires_in_window_of(self, fail_us));
    watchdog_guard_free(one);
    WAIT_FOR(pseudo_device_count(self->device, "stop") == 1);
    g_assert_cmpuint(pseudo_device_count(self->device, "fire"), ==, 0);
}

/* The deadline of the second counts when the first one is cleared: neither a full feed nor what the
 * first one had left. */
static void test_troubles_that_overlap(Bench *self, gconstpointer unused)
{
    guint64 now = boottime_now();
    guint64 first_us = now - 40 * SECOND, second_us = now - 10 * SECOND;
    WatchdogGuard *first, *second, *third;

    if (is_skipped(self))
        return;
    third = guard(self, "third", now + FRESH_US);
    first = guard(self, "first", first_us);
    second = guard(self, "second", second_us);
    confirm(self, third, now + FRESH_US);
    g_assert_true(fires_in_window_of(self, first_us));
    watchdog_guard_free(first);
    WAIT_FOR(fires_in_window_of(self, second_us));
    watchdog_guard_renewed(third, boottime_now() + FRESH_US);
    confirm(self, third, boottime_now() + FRESH_US);
    g_assert_true(fires_in_window_of(self, second_us));
    watchdog_guard_free(second);
    WAIT_FOR(fires_in_full(self));
    watchdog_guard_free(third);
}

/* One that turns out to have failed long ago: soon, but not before what is killed can be gone. */
static void test_overdue(Bench *self, gconstpointer unused)
{
    guint64 now = boottime_now();
    WatchdogGuard *one;
    guint64 fail_us, fires_us;

    if (is_skipped(self))
        return;
    one = guard(self, "one", now + FRESH_US);
    confirm(self, one, now + FRESH_US);
    fail_us = reset_fail_deadline(now + FRESH_US, now - 60 * SECOND, now);
    watchdog_guard_failed(one, fail_us);
    /* What has failed is not renewed; confirm() would. */
    WAIT_FOR(pseudo_device_fires_at(self->device) < boottime_now() + 30 * SECOND);
    fires_us = pseudo_device_fires_at(self->device);
    g_assert_cmpuint(fires_us, >=, now + 5 * SECOND);
    /* Said again and again, it is not put off. */
    WAIT_FOR(boottime_now() > fires_us - 6 * SECOND);
    watchdog_guard_failed(one, fail_us);
    {
        /* What comes after it was seen to. */
        WatchdogGuard *other = guard(self, "other", TIME_NEVER);

        watchdog_guard_free(other);
    }
    g_assert_cmpuint(pseudo_device_fires_at(self->device), <=, now + 10 * SECOND);
    watchdog_guard_free(one);
    WAIT_FOR(pseudo_device_count(self->device, "stop") == 1);
}

/* It may run, left by another daemon: it is not opened, which would feed it, nor for another one's
 * sake. When all is over it is stopped. */
static void test_due_when_it_is_guarded(Bench *self, gconstpointer unused)
{
    WatchdogGuard *one, *other;
    g_autoptr(GAsyncResult) result = NULL;
    g_autoptr(GError) error = NULL;

    if (is_skipped(self))
        return;
    one = guard(self, "one", boottime_now() - 51 * SECOND);
    other = guard(self, "other", TIME_NEVER);
    watchdog_guard_confirm_async(other, boottime_now() + FRESH_US, keep_result, &result);
    WAIT_FOR(result != NULL);
    g_assert_false(watchdog_guard_confirm_finish(result, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_BUSY);
    g_assert_cmpuint(pseudo_device_count(self->device, "open"), ==, 0);
    watchdog_guard_free(other);
    watchdog_guard_free(one);
    WAIT_FOR(pseudo_device_count(self->device, "stop") == 1);
    g_assert_cmpuint(pseudo_device_count(self->device, "open"), ==, 1);
    /* The other one goes on. */
    one = guard(self, "one", boottime_now() - 51 * SECOND);
    other = guard(self, "other", boottime_now() + FRESH_US);
    watchdog_guard_free(one);
    WAIT_FOR(pseudo_device_count(self->device, "open") == 2 && fires_in_full(self));
    watchdog_guard_free(other);
    WAIT_FOR(pseudo_device_count(self->device, "stop") == 2);
}

/* A daemon that was killed had two, and the fresh one comes first: it is no reason to open a device
 * that may be about to fire, and would be fed by that in each daemon that follows. */
static void test_due_beside_a_fresh_one(Bench *self, gconstpointer unused)
{
    g_autoptr(GAsyncResult) fresh_result = NULL;
    g_autoptr(GAsyncResult) due_result = NULL;
    g_autoptr(GAsyncResult) confirmed = NULL;
    WatchdogGuard *fresh, *due;

    if (is_skipped(self))
        return;
    watchdog_begin_to_adopt(self->watchdog);
    watchdog_guard_async(self->watchdog, "fresh", 10, boottime_now() + FRESH_US, keep_result,
                         &fresh_result);
    watchdog_guard_async(self->watchdog, "due", 10, boottime_now() - 51 * SECOND, keep_result,
                         &due_result);
    watchdog_adopted(self->watchdog);
    WAIT_FOR(fresh_result != NULL && due_result != NULL);
    fresh = watchdog_guard_finish(fresh_result, NULL);
    due = watchdog_guard_finish(due_result, NULL);
    g_assert_true(fresh != NULL && due != NULL);
    /* It is fed as all of them want it, by then. */
    watchdog_guard_confirm_async(fresh, boottime_now() + FRESH_US, keep_result, &confirmed);
    WAIT_FOR(confirmed != NULL);
    g_assert_false(watchdog_guard_confirm_finish(confirmed, NULL));
    g_assert_cmpuint(pseudo_device_count(self->device, "open"), ==, 0);
    watchdog_guard_free(due);
    WAIT_FOR(pseudo_device_count(self->device, "open") == 1 && fires_in_full(self));
    watchdog_guard_free(fresh);
    WAIT_FOR(pseudo_device_count(self->device, "stop") == 1);
}

/* Nothing has tried it out before, and it takes only what it has anyway: nobody relies on it. */
static void test_tried_out_for_inherited(Bench *self, gconstpointer unused)
{
    WatchdogGuard *one;

    if (is_skipped(self))
        return;
    one = guard(self, "one", boottime_now() + FRESH_US);
    WAIT_FOR(g_str_equal(watchdog_state_name(watchdog_get_state(self->watchdog)), "failed"));
    g_assert_nonnull(strstr(watchdog_get_reason(self->watchdog), "says 60"));
    watchdog_guard_free(one);
}

/* It has not fired for so long that it does not run. */
static void test_due_and_does_not_run(Bench *self, gconstpointer unused)
{
    guint64 begin_us = boottime_now();
    WatchdogGuard *one;

    if (is_skipped(self))
        return;
    one = guard(self, "one", begin_us - 3600 * SECOND);
    WAIT_FOR(pseudo_device_count(self->device, "open") == 1);
    g_assert_cmpuint(boottime_now(), >=, begin_us + RESET_AFTER_KILL_SECONDS * SECOND);
    WAIT_FOR(pseudo_device_count(self->device, "fire") == 1);
    watchdog_guard_free(one);
    WAIT_FOR(pseudo_device_count(self->device, "stop") == 1);
}

/* Only those are left who are to be ignored; and then somebody who is not. */
static void test_excused(Bench *self, gconstpointer unused)
{
    guint64 fail_us = boottime_now() - SECOND;
    WatchdogGuard *one;

    if (is_skipped(self))
        return;
    one = guard(self, "one", fail_us);
    watchdog_guard_failed(one, fail_us);
    WAIT_FOR(fires_in_window_of(self, fail_us));
    assert_state(self, "firing");
    watchdog_guard_excuse(one);
    WAIT_FOR(fires_in_full(self) && !fires_in_window_of(self, fail_us));
    assert_state(self, "armed");
    watchdog_guard_failed(one, fail_us);
    WAIT_FOR(fires_in_window_of(self, fail_us));
    watchdog_guard_free(one);
}

/* Who ends without having cleared what it guards leaves it running. */
static void test_ends_armed(Bench *self, gconstpointer unused)
{
    WatchdogGuard *one;

    if (is_skipped(self))
        return;
    one = guard(self, "one", boottime_now() + FRESH_US);
    watchdog_free(self->watchdog);
    g_free(one);
    WAIT_FOR(pseudo_device_count(self->device, "unclean") == 1);
    g_assert_cmpuint(pseudo_device_count(self->device, "magic"), ==, 0);
    /* The next one can have it, and stop it. */
    self->watchdog = make_watchdog(self, self->device->path);
    one = guard(self, "one", boottime_now() + FRESH_US);
    watchdog_guard_free(one);
    WAIT_FOR(pseudo_device_count(self->device, "stop") == 1);
}

/* --- bad ones -------------------------------------------------------------------------------- */

typedef struct BadDevice {
    const char *name;
    const char *setting;
    BailiffError code;
    const char *reason;
} BadDevice;

#define OPTIONS(without)                                                                           \
    ((WDIOF_SETTIMEOUT | WDIOF_MAGICCLOSE | WDIOF_KEEPALIVEPING) & ~(unsigned)(without))

static void test_refused(gconstpointer data)
{
    const BadDevice *bad = data;
    Bench bench = { 0 };
    g_autoptr(GError) error = NULL;
    g_autoptr(Watchdog) watchdog = NULL;

    if (pseudo_device_missing() != NULL) {
        g_test_skip(pseudo_device_missing());
        return;
    }
    bench.device = pseudo_device_new(bad->setting);
    watchdog = make_watchdog(&bench, bench.device->path);
    g_assert_null(guard_with(watchdog, "one", TIME_NEVER, &error));
    g_assert_error(error, BAILIFF_ERROR, (int)bad->code);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, bad->reason));
    g_assert_cmpstr(watchdog_state_name(watchdog_get_state(watchdog)), ==, "idle");
    /* What was opened was stopped again. */
    WAIT_FOR(pseudo_device_count(bench.device, "stop") ==
             pseudo_device_count(bench.device, "open"));
    g_assert_cmpuint(pseudo_device_count(bench.device, "unclean"), ==, 0);
    pseudo_device_free(bench.device);
}

static void test_not_there(void)
{
    static const struct {
        const char *path;
        BailiffError code;
    } cases[] = { { "/dev/no-such-watchdog", BAILIFF_ERROR_NOT_FOUND },
                  { "/dev/null", BAILIFF_ERROR_UNSUPPORTED },
                  { "/dev", BAILIFF_ERROR_IO_ERROR } };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Bench bench = { 0 };
        g_autoptr(GError) error = NULL;
        g_autoptr(Watchdog) watchdog = make_watchdog(&bench, cases[i].path);

        g_assert_null(guard_with(watchdog, "one", TIME_NEVER, &error));
        g_assert_error(error, BAILIFF_ERROR, (int)cases[i].code);
        g_assert_nonnull(strchr(error->message, '\n'));
    }
}

/* Its shortest timeout is 9 s, which shows when it is too late to look for another device: it must
 * fire, and not be put off again and again by what should mend it. */
static void test_learns_the_shortest(Bench *self, gconstpointer unused)
{
    guint64 fail_us = boottime_now() - 47 * SECOND;
    WatchdogGuard *one;
    guint64 fires_us;

    if (is_skipped(self))
        return;
    one = guard(self, "one", fail_us);
    confirm(self, one, fail_us);
    fires_us = pseudo_device_fires_at(self->device);
    g_assert_cmpuint(fires_us, <=, fail_us + RESET_LATEST_SECONDS * SECOND);
    for (guint i = 0; i < 5; i++)
        confirm(self, one, fail_us);
    g_assert_cmpuint(pseudo_device_fires_at(self->device), ==, fires_us);
    watchdog_guard_free(one);
}

static void test_none(void)
{
    const WatchdogConfig config = { .kind = WATCHDOG_NONE };
    Bench bench = { 0 };
    g_autoptr(Watchdog) watchdog = watchdog_new(&config, on_changed, &bench, NULL);
    WatchdogGuard *one = guard_with(watchdog, "one", TIME_NEVER, NULL);

    g_assert_nonnull(one);
    bench.watchdog = watchdog;
    confirm(&bench, one, boottime_now());
    watchdog_guard_renewed(one, boottime_now());
    watchdog_guard_failed(one, boottime_now());
    assert_state(&bench, "disarmed");
    watchdog_guard_free(one);
}

static void test_names(void)
{
    for (int kind = 0; kind < WATCHDOG_KIND_COUNT; kind++)
        g_assert_cmpint((int)watchdog_kind_parse(watchdog_kind_name((WatchdogKind)kind)), ==, kind);
    g_assert_cmpint((int)watchdog_kind_parse("hound"), ==, WATCHDOG_KIND_COUNT);
    for (int state = 0; state < WATCHDOG_STATE_COUNT; state++)
        g_assert_nonnull(watchdog_state_name((WatchdogState)state));
}

#define ADD(name, setting, function)                                                               \
    g_test_add("/watchdog-device/" name, Bench, setting, set_up, function, tear_down)

int main(int argc, char **argv)
{
    static char no_magic[32], no_settimeout[32], no_keepalive[32];
    static const BadDevice bad[] = {
        { "no-magic-close", no_magic, BAILIFF_ERROR_UNSUPPORTED, "stops when it is closed" },
        { "no-timeout", no_settimeout, BAILIFF_ERROR_UNSUPPORTED, "timeout cannot be set" },
        { "no-keepalive", no_keepalive, BAILIFF_ERROR_UNSUPPORTED, "cannot be fed" },
        { "fixed-timeout", "fixed=30", BAILIFF_ERROR_UNSUPPORTED, "says 30" },
        { "fixed-to-the-wish", "fixed=60", BAILIFF_ERROR_UNSUPPORTED, "says 60" },
        { "short-timeout", "max=32", BAILIFF_ERROR_UNSUPPORTED, "refuses a timeout of" },
        { "long-timeout", "min=30", BAILIFF_ERROR_UNSUPPORTED, "set to 10 seconds and says 30" },
        { "busy", "busy=1", BAILIFF_ERROR_BUSY, "is in use" },
    };

    g_test_init(&argc, &argv, NULL);
    g_snprintf(no_magic, sizeof no_magic, "options=%u", OPTIONS(WDIOF_MAGICCLOSE));
    g_snprintf(no_settimeout, sizeof no_settimeout, "options=%u", OPTIONS(WDIOF_SETTIMEOUT));
    g_snprintf(no_keepalive, sizeof no_keepalive, "options=%u", OPTIONS(WDIOF_KEEPALIVEPING));
    g_test_add_func("/watchdog-device/names", test_names);
    g_test_add_func("/watchdog-device/none", test_none);
    ADD("arms-feeds-and-disarms", NULL, test_arms_feeds_and_disarms);
    ADD("counts-down", NULL, test_counts_down);
    ADD("troubles-that-overlap", NULL, test_troubles_that_overlap);
    ADD("overdue", NULL, test_overdue);
    ADD("due-when-it-is-guarded", NULL, test_due_when_it_is_guarded);
    ADD("due-and-does-not-run", NULL, test_due_and_does_not_run);
    ADD("due-beside-a-fresh-one", NULL, test_due_beside_a_fresh_one);
    ADD("tried-out-for-inherited", "fixed=60", test_tried_out_for_inherited);
    ADD("excused", NULL, test_excused);
    ADD("ends-armed", NULL, test_ends_armed);
    ADD("learns-the-shortest", "min=9", test_learns_the_shortest);
    g_test_add_func("/watchdog-device/not-there", test_not_there);
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *path = g_strconcat("/watchdog-device/refused/", bad[i].name, NULL);
        g_test_add_data_func(path, &bad[i], test_refused);
    }
    return g_test_run();
}
