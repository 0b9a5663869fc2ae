/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A watchdog with a pseudo device (pseudo-watchdog.c), and calls that wait for their answers.
 */
#pragma once

#include <gio/gio.h>
#include <unistd.h>

#include "base/checked-time.h"
#include "common/boottime.h"
#include "failure/reset-plan.h"
#include "support/wait-for.h"
#include "support/pseudo-watchdog.h"
#include "watchdog/watchdog.h"

#define SECOND USEC_PER_SECOND
#define FRESH_US (80 * SECOND)

typedef struct Bench {
    PseudoDevice *device;
    Watchdog *watchdog;
    guint changes;
} Bench;

static inline void on_changed(gpointer data)
{
    ((Bench *)data)->changes++;
}

static inline Watchdog *make_watchdog(Bench *self, const char *path)
{
    const WatchdogConfig config = { .kind = WATCHDOG_DEVICE, .device = path };
    g_autoptr(GError) error = NULL;
    Watchdog *watchdog = watchdog_new(&config, on_changed, self, &error);

    g_assert_no_error(error);
    return watchdog;
}

static inline void set_up(Bench *self, gconstpointer setting)
{
    if (pseudo_device_missing() != NULL)
        return;
    self->device = pseudo_device_new(setting);
    self->watchdog = make_watchdog(self, self->device->path);
}

static inline void tear_down(Bench *self, gconstpointer setting)
{
    if (self->device == NULL)
        return;
    watchdog_free(self->watchdog);
    pseudo_device_free(self->device);
}

static inline gboolean is_skipped(Bench *self)
{
    if (self->device == NULL)
        g_test_skip(pseudo_device_missing());
    return self->device == NULL;
}

static inline void keep_result(GObject *source, GAsyncResult *result, gpointer user_data)
{
    *(GAsyncResult **)user_data = g_object_ref(result);
}

static inline WatchdogGuard *guard_with(Watchdog *watchdog, const char *name, guint64 fail_us,
                                        GError **error)
{
    g_autoptr(GAsyncResult) result = NULL;

    watchdog_guard_async(watchdog, name, 10, fail_us, keep_result, &result);
    WAIT_FOR(result != NULL);
    return watchdog_guard_finish(result, error);
}

static inline WatchdogGuard *guard(Bench *self, const char *name, guint64 fail_us)
{
    g_autoptr(GError) error = NULL;
    WatchdogGuard *made = guard_with(self->watchdog, name, fail_us, &error);

    g_assert_no_error(error);
    g_assert_nonnull(made);
    return made;
}

static inline void confirm(Bench *self, WatchdogGuard *guarded, guint64 fail_us)
{
    g_autoptr(GAsyncResult) result = NULL;
    g_autoptr(GError) error = NULL;

    watchdog_guard_confirm_async(guarded, fail_us, keep_result, &result);
    WAIT_FOR(result != NULL);
    g_assert_true(watchdog_guard_confirm_finish(result, &error));
    g_assert_no_error(error);
}

static inline void assert_state(Bench *self, const char *state)
{
    g_assert_cmpstr(watchdog_state_name(watchdog_get_state(self->watchdog)), ==, state);
}

/* The device's timer is set so that it fires then, within the window of reset-plan.h. */
static inline gboolean fires_in_window_of(Bench *self, guint64 fail_us)
{
    guint64 fires_us = pseudo_device_fires_at(self->device);

    return fires_us >= fail_us + RESET_EARLIEST_SECONDS * SECOND &&
           fires_us <= fail_us + RESET_AIM_SECONDS * SECOND;
}

static inline gboolean fires_in_full(Bench *self)
{
    return pseudo_device_fires_at(self->device) > boottime_now() + 50 * SECOND;
}
