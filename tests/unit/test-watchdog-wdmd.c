/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The watchdog with wdmd: the bytes, and conversations with a stand-in. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "support/wait-for.h"
#include "support/wdmd-double.h"
#include "watchdog/watchdog.h"

#define SECOND USEC_PER_SECOND
#define FRESH_US (80 * SECOND)

typedef struct Bench {
    WdmdDouble *wdmd;
    Watchdog *watchdog;
} Bench;

static void on_changed(gpointer data)
{
}

static Watchdog *make_watchdog(const char *path)
{
    const WatchdogConfig config = { .kind = WATCHDOG_WDMD, .socket = path };
    g_autoptr(GError) error = NULL;
    Watchdog *watchdog = watchdog_new(&config, on_changed, NULL, &error);

    g_assert_no_error(error);
    return watchdog;
}

static void set_up(Bench *self, gconstpointer unused)
{
    self->wdmd = wdmd_double_new();
    self->watchdog = make_watchdog(self->wdmd->path);
}

static void tear_down(Bench *self, gconstpointer unused)
{
    watchdog_free(self->watchdog);
    wdmd_double_free(self->wdmd);
}

static void keep_result(GObject *source, GAsyncResult *result, gpointer user_data)
{
    *(GAsyncResult **)user_data = g_object_ref(result);
}

static WatchdogGuard *guard_with(Bench *self, const char *name, guint64 fail_us, GError **error)
{
    g_autoptr(GAsyncResult) result = NULL;

    watchdog_guard_async(self->watchdog, name, 10, fail_us, keep_result, &result);
    WAIT_FOR(result != NULL);
    return watchdog_guard_finish(result, error);
}

static WatchdogGuard *guard(Bench *self, const char *name, guint64 fail_us)
{
    g_autoptr(GError) error = NULL;
    WatchdogGuard *made = guard_with(self, name, fail_us, &error);

    g_assert_no_error(error);
    return made;
}

static gboolean confirm_with(Bench *self, WatchdogGuard *guarded, guint64 fail_us, GError **error)
{
    g_autoptr(GAsyncResult) result = NULL;

    watchdog_guard_confirm_async(guarded, fail_us, keep_result, &result);
    WAIT_FOR(result != NULL);
    return watchdog_guard_confirm_finish(result, error);
}

static void confirm(Bench *self, WatchdogGuard *guarded, guint64 fail_us)
{
    g_autoptr(GError) error = NULL;

    confirm_with(self, guarded, fail_us, &error);
    g_assert_no_error(error);
}

static guint64 monotonic_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (guint64)now.tv_sec;
}

/* In whole seconds of CLOCK_MONOTONIC, never later than the deadline. */
static gboolean expires_in(const WdmdDoubleClient *client, guint64 seconds, guint64 since)
{
    return client->expire >= since + seconds - 1 && client->expire <= monotonic_seconds() + seconds;
}

static void test_bytes(void)
{
    const WdmdMessage live = { .command = WDMD_TEST_LIVE, .renewal = 0x1111, .expire = 0x2222 };
    const WdmdMessage long_name = {
        .command = WDMD_REGISTER,
        .name = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
                "234567890123456789012345678901234567890123456789",
    };
    guint8 bytes[WDMD_MESSAGE_SIZE];
    WdmdMessage back;

    wdmd_message_write(&live, bytes);
    for (guint i = 0; i < sizeof bytes; i++) {
        guint8 expected = i == 4 ? 4 : i == 32 || i == 33 ? 0x11 : i == 40 || i == 41 ? 0x22 : 0;
        g_assert_cmphex(bytes[i], ==, expected);
    }
    wdmd_message_write(&long_name, bytes);
    g_assert_cmpint(bytes[48], ==, '0');
    g_assert_cmpint(bytes[174], !=, 0);
    g_assert_cmpint(bytes[175], ==, 0);
    /* What Debian's wdmd answered. */
    memset(bytes, 0, sizeof bytes);
    bytes[4] = 5;
    bytes[16] = 10;
    bytes[20] = 60;
    bytes[24] = 0xd0;
    bytes[25] = 0x8b;
    g_assert_true(wdmd_message_read(&back, WDMD_STATUS, bytes));
    g_assert_cmpuint(back.test_interval, ==, 10);
    g_assert_cmpuint(back.fire_timeout, ==, 60);
    g_assert_cmpuint(back.last_keepalive, ==, 35792);
    g_assert_false(wdmd_message_read(&back, WDMD_TEST_LIVE, bytes));
}

static void test_guards_each_lockspace(Bench *self, gconstpointer unused)
{
    WatchdogGuard *one = guard(self, "one", TIME_NEVER), *other;
    WdmdDoubleClient client = wdmd_double_client(self->wdmd, 0);
    guint64 since = monotonic_seconds();

    g_assert_cmpstr(client.name, ==, "bailiff one");
    g_assert_true(client.has_reference);
    g_assert_cmpuint(client.n_test_live, ==, 0);
    confirm(self, one, boottime_now() + FRESH_US);
    client = wdmd_double_client(self->wdmd, 0);
    g_assert_cmpuint(client.n_test_live, ==, 1);
    g_assert_true(expires_in(&client, 80, since));
    g_assert_cmpuint(client.renewal, ==, client.expire - 80);
    g_assert_cmpstr(watchdog_state_name(watchdog_get_state(self->watchdog)), ==, "armed");

    other = guard(self, "other", boottime_now() + 40 * SECOND);
    WAIT_FOR(wdmd_double_client(self->wdmd, 1).n_test_live == 1);
    watchdog_guard_renewed(one, boottime_now() + 2 * FRESH_US);
    WAIT_FOR(wdmd_double_client(self->wdmd, 0).n_test_live == 2);
    client = wdmd_double_client(self->wdmd, 0);
    g_assert_true(expires_in(&client, 160, since));
    /* The other one's deadline is what it was, and is not told again. */
    g_assert_cmpuint(wdmd_double_client(self->wdmd, 1).n_test_live, ==, 1);

    /* Safe: no test, no reference, and gone, in this order. */
    watchdog_guard_free(one);
    WAIT_FOR(wdmd_double_client(self->wdmd, 0).fd == -1);
    client = wdmd_double_client(self->wdmd, 0);
    g_assert_cmpuint(client.expire, ==, 0);
    g_assert_false(client.has_reference);
    g_assert_cmpint(wdmd_double_client(self->wdmd, 1).fd, !=, -1);
    watchdog_guard_free(other);
    WAIT_FOR(wdmd_double_client(self->wdmd, 1).fd == -1);
}

static void test_failing(Bench *self, gconstpointer unused)
{
    WatchdogGuard *one = guard(self, "one", boottime_now() + FRESH_US);
    guint64 since = monotonic_seconds();
    WdmdDoubleClient client;

    confirm(self, one, boottime_now() + FRESH_US);
    /* Nothing is sent as time goes by: it expires by itself. An earlier end is told. */
    watchdog_guard_failed(one, boottime_now());
    WAIT_FOR(wdmd_double_client(self->wdmd, 0).expire <= monotonic_seconds());
    client = wdmd_double_client(self->wdmd, 0);
    g_assert_cmpuint(client.expire, >=, since - 1);
    g_assert_true(client.has_reference);
    g_assert_cmpstr(watchdog_state_name(watchdog_get_state(self->watchdog)), ==, "firing");
    watchdog_guard_excuse(one);
    WAIT_FOR(wdmd_double_client(self->wdmd, 0).expire == 0);
    g_assert_true(wdmd_double_client(self->wdmd, 0).has_reference);
    watchdog_guard_free(one);
}

static void test_ends_armed(Bench *self, gconstpointer unused)
{
    WatchdogGuard *one = guard(self, "one", boottime_now() + FRESH_US);
    WdmdDoubleClient client;

    confirm(self, one, boottime_now() + FRESH_US);
    watchdog_free(self->watchdog);
    g_free(one);
    WAIT_FOR(wdmd_double_client(self->wdmd, 0).fd == -1);
    client = wdmd_double_client(self->wdmd, 0);
    g_assert_true(client.has_reference);
    g_assert_cmpuint(client.expire, !=, 0);
    self->watchdog = make_watchdog(self->wdmd->path);
}

static void test_adopted(Bench *self, gconstpointer unused)
{
    WatchdogGuard *one = guard(self, "one", boottime_now() + FRESH_US);
    WatchdogGuard *other = guard(self, "other", boottime_now() + FRESH_US);
    g_autoptr(GPtrArray) descriptors = NULL;
    g_autoptr(GAsyncResult) result = NULL;
    guint64 fail_us = boottime_now() + 30 * SECOND;
    WdmdDoubleClient client;

    confirm(self, one, boottime_now() + FRESH_US);
    descriptors = watchdog_hand_over(self->watchdog);
    g_assert_cmpuint(descriptors->len, ==, 2);
    g_assert_cmpstr(((WatchdogDescriptor *)descriptors->pdata[0])->name, ==, "wdmd-one");
    watchdog_free(self->watchdog);
    g_free(one);
    g_free(other);
    self->watchdog = make_watchdog(self->wdmd->path);
    for (guint i = 0; i < descriptors->len; i++) {
        const WatchdogDescriptor *descriptor = descriptors->pdata[i];
        watchdog_adopt(self->watchdog, descriptor->name, descriptor->fd);
    }
    watchdog_guard_async(self->watchdog, "one", 10, fail_us, keep_result, &result);
    watchdog_adopted(self->watchdog);
    WAIT_FOR(result != NULL);
    one = watchdog_guard_finish(result, NULL);
    confirm(self, one, fail_us);
    client = wdmd_double_client(self->wdmd, 0);
    g_assert_true(client.has_reference);
    g_assert_cmpint(client.fd, !=, -1);
    g_assert_cmpuint(client.expire, <=, monotonic_seconds() + 30);
    /* The same connection: the other one was not needed, and disarmed. */
    WAIT_FOR(wdmd_double_client(self->wdmd, 1).fd == -1);
    g_assert_false(wdmd_double_client(self->wdmd, 1).has_reference);
    g_assert_cmpint(wdmd_double_client(self->wdmd, 2).fd, ==, -1);
    watchdog_guard_free(one);
}

/* A wdmd that was started again knows nobody. */
static void test_wdmd_restarts(Bench *self, gconstpointer unused)
{
    WatchdogGuard *one = guard(self, "one", boottime_now() + FRESH_US);
    WdmdDoubleClient client;

    confirm(self, one, boottime_now() + FRESH_US);
    wdmd_double_end(self->wdmd);
    watchdog_guard_renewed(one, boottime_now() + FRESH_US);
    WAIT_FOR(watchdog_get_state(self->watchdog) == WATCHDOG_STATE_FAILED);
    g_assert_nonnull(strstr(watchdog_get_reason(self->watchdog), "does not run"));
    wdmd_double_listen(self->wdmd);
    WAIT_FOR(watchdog_get_state(self->watchdog) == WATCHDOG_STATE_ARMED);
    WAIT_FOR(wdmd_double_client(self->wdmd, 0).n_test_live == 1);
    client = wdmd_double_client(self->wdmd, 0);
    g_assert_cmpstr(client.name, ==, "bailiff one");
    g_assert_true(client.has_reference);
    watchdog_guard_free(one);
}

static void test_refused(Bench *self, gconstpointer unused)
{
    g_autoptr(GError) wrong = NULL, mute = NULL, gone = NULL;
    WatchdogGuard *one;

    self->wdmd->fire_timeout = 30;
    g_assert_null(guard_with(self, "one", TIME_NEVER, &wrong));
    g_assert_error(wrong, BAILIFF_ERROR, BAILIFF_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(wrong->message, "30"));
    self->wdmd->fire_timeout = 60;
    one = guard(self, "one", TIME_NEVER);
    /* wdmd hangs: the main loop does not. */
    self->wdmd->is_mute = TRUE;
    g_assert_false(confirm_with(self, one, boottime_now() + FRESH_US, &mute));
    g_assert_error(mute, BAILIFF_ERROR, BAILIFF_ERROR_IO_TIMEOUT);
    watchdog_guard_free(one);
    wdmd_double_end(self->wdmd);
    g_assert_null(guard_with(self, "one", TIME_NEVER, &gone));
    g_assert_error(gone, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND);
}

static void test_io_timeouts(Bench *self, gconstpointer unused)
{
    const WatchdogConfig device = { .kind = WATCHDOG_DEVICE };
    g_autoptr(Watchdog) other = watchdog_new(&device, on_changed, NULL, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *warning = NULL;
    char *none;

    g_assert_false(watchdog_check_io_timeout(self->watchdog, 1, &none, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT);
    g_assert_nonnull(strstr(error->message, "8 x 1 = 8 s"));
    g_assert_null(none);
    g_assert_true(watchdog_check_io_timeout(self->watchdog, 2, &warning, NULL));
    g_assert_nonnull(strstr(warning, "2 s late"));
    g_assert_nonnull(strstr(warning, "8 x 2 = 16 s"));
    g_assert_true(watchdog_check_io_timeout(self->watchdog, 3, &none, NULL));
    g_assert_null(none);
    g_assert_true(watchdog_check_io_timeout(other, 1, &none, NULL));
    g_assert_null(none);
}

#define ADD(name, function)                                                                        \
    g_test_add("/watchdog-wdmd/" name, Bench, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/watchdog-wdmd/bytes", test_bytes);
    ADD("guards-each-lockspace", test_guards_each_lockspace);
    ADD("failing", test_failing);
    ADD("ends-armed", test_ends_armed);
    ADD("adopted", test_adopted);
    ADD("wdmd-restarts", test_wdmd_restarts);
    ADD("refused", test_refused);
    ADD("io-timeouts", test_io_timeouts);
    return g_test_run();
}
