/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The watchdog behind leases: what resets this host when somebody cannot be made harmless in time.
 *
 * It is fed from the freshness of leases and from nothing else. Each lockspace has a guard with its
 * fail deadline, which each good renewal moves on; from the earliest of them follows until when the
 * host may run (failure/reset-plan.h). That the daemon lives, that its main loop turns, that a
 * renewal is under way, feeds nothing.
 *
 * A thread of its own speaks to the device or to wdmd. The main loop only stores deadlines where
 * the thread finds them, and never waits for it:
 *
 *   - A main loop that stands still stores nothing: the deadlines stay, the timer is set to what is
 *     left of the earliest, and the host is reset unless every lockspace is safe. Feeding by the
 *     main loop itself would be no safer, since it too would feed up to the deadline, but a main
 * loop that is busy for a minute would reset a host whose leases are fresh.
 *   - A thread that stands still feeds nothing: the timer runs, never past the deadline that the
 *     thread knew. The same when the main loop stops with the lock of the thread's queue held.
 *   - A process that is killed, or crashes: its descriptors are closed without the word that
 * disarms (the magic close of a device, the end of the reference at wdmd), so the timer runs on.
 *   - Time is CLOCK_BOOTTIME, which goes on in suspend as the clocks of other hosts do.
 *
 * All functions are for the main loop's thread; none blocks but those that say so.
 */
#pragma once

#include <gio/gio.h>

#include "common/fd-store.h"

typedef enum WatchdogKind {
    WATCHDOG_NONE,
    WATCHDOG_DEVICE, /* a device of the kernel, for this daemon alone */
    WATCHDOG_WDMD,   /* sanlock's watchdog daemon, beside its other clients */
    WATCHDOG_KIND_COUNT,
} WatchdogKind;

/* "none", "device", "wdmd". */
const char *watchdog_kind_name(WatchdogKind kind);
/* WATCHDOG_KIND_COUNT when there is no such kind. */
WatchdogKind watchdog_kind_parse(const char *name);

/* The device's timeout, in seconds. Shorter: a reset comes of a short stall of the daemon. Longer:
 * more time for a daemon that starts again after a crash, up to the reset deadline. */
#define WATCHDOG_TIMEOUT_MIN 10u
#define WATCHDOG_TIMEOUT_MAX 600u
#define WATCHDOG_TIMEOUT_DEFAULT 60u

#define WATCHDOG_DEVICE_DEFAULT "/dev/watchdog"
#define WATCHDOG_SOCKET_DEFAULT "/run/wdmd/wdmd.sock"

typedef struct WatchdogConfig {
    WatchdogKind kind;
    const char *device; /* of WATCHDOG_DEVICE; NULL: the default */
    const char *socket; /* of WATCHDOG_WDMD; NULL: the default */
    guint32 timeout;    /* of WATCHDOG_DEVICE; 0: the default */
    FdStore *store;     /* where the device is kept while it is open; lives longer; NULL: nowhere */
} WatchdogConfig;

typedef enum WatchdogState {
    WATCHDOG_STATE_DISARMED, /* there is none: nothing would reset this host */
    WATCHDOG_STATE_IDLE,     /* there is one, and nothing to guard: it does not run */
    WATCHDOG_STATE_ARMED,    /* it resets this host when leases are lost and not cleared in time */
    WATCHDOG_STATE_FIRING,   /* a lockspace has failed: it will, unless that is cleared in time */
    WATCHDOG_STATE_FAILED,   /* it cannot be fed: see watchdog_get_reason() */
    WATCHDOG_STATE_COUNT,
} WatchdogState;

/* "disarmed", "idle", "armed", "firing", "failed". */
const char *watchdog_state_name(WatchdogState state);

typedef struct Watchdog Watchdog;
typedef struct WatchdogGuard WatchdogGuard;

typedef void (*WatchdogChanged)(gpointer user_data);

/* Touches nothing yet: the device is opened, and wdmd called, when there is something to guard.
 * `changed` is called when the state has changed. NULL with an error (IoError) without descriptors.
 */
Watchdog *watchdog_new(const WatchdogConfig *config, WatchdogChanged changed, gpointer user_data,
                       GError **error);
/* What is guarded still is left armed: of such a guard only the memory may be freed then. Waits for
 * the thread, which speaks to wdmd for some seconds at most. */
void watchdog_free(Watchdog *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Watchdog, watchdog_free)

WatchdogKind watchdog_get_kind(Watchdog *self);
WatchdogState watchdog_get_state(Watchdog *self);
/* What is the matter ("cause\ncure"); "" unless the state is `failed`. */
const char *watchdog_get_reason(Watchdog *self);
/* What resets this host: the device's path and identity, the socket of wdmd; "" while it does not
 * run. */
const char *watchdog_get_description(Watchdog *self);

/* The shortest io timeout that this kind can guard, and the shortest that leaves it a margin, with
 * the arithmetic in an error (InvalidArgument) or in *ret_warning (NULL: nothing to say). */
gboolean watchdog_check_io_timeout(Watchdog *self, guint32 io_timeout, char **ret_warning,
                                   GError **error);

/*
 * Guarding a lockspace, from before it is published until nobody uses its leases any more.
 *
 * The first call makes sure of the watchdog. `fail_us` TIME_NEVER: there is no deadline yet.
 * NotFound, Busy (somebody else has it), Unsupported (it cannot be trusted, with the reason),
 * IoError, IoTimeout. A watchdog of no kind guards nothing, and never fails.
 */
void watchdog_guard_async(Watchdog *self, const char *lockspace, guint32 io_timeout,
                          guint64 fail_us, GAsyncReadyCallback callback, gpointer user_data);
/* Busy when the watchdog was freed meanwhile. */
WatchdogGuard *watchdog_guard_finish(GAsyncResult *result, GError **error);

/* The deadline is set, and in force when this is done, whatever becomes of the daemon then. */
void watchdog_guard_confirm_async(WatchdogGuard *guard, guint64 fail_us,
                                  GAsyncReadyCallback callback, gpointer user_data);
gboolean watchdog_guard_confirm_finish(GAsyncResult *result, GError **error);

/* A good renewal. */
void watchdog_guard_renewed(WatchdogGuard *guard, guint64 fail_us);
/* It has failed, by this deadline, which may be earlier than that of the renewal; as
 * reset_fail_deadline() says it. */
void watchdog_guard_failed(WatchdogGuard *guard, guint64 fail_us);
/* Whoever uses its leases still is nobody to reset this host for, until it is said to have failed
 * again. */
void watchdog_guard_excuse(WatchdogGuard *guard);
/* It is safe: nobody uses its leases any more. The last one to go disarms the watchdog. */
void watchdog_guard_free(WatchdogGuard *guard);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WatchdogGuard, watchdog_guard_free)
/* Frees the memory only, also after the watchdog. */
void watchdog_guard_forget(WatchdogGuard *guard);

/*
 * For a daemon that another one follows, without a moment in which nobody could feed.
 *
 * watchdog_hand_over() feeds once more and stops feeding: the timer runs from then on. It gives the
 * descriptors (device: one, called "watchdog"; wdmd: one for each lockspace, called "wdmd-NAME"),
 * which stay open when `self` is freed; with FD_CLOEXEC. Waits for the thread. watchdog_take_back()
 * goes on as before, when it came to nothing.
 *
 * A device is in the store (common/fd-store.h) from when it is trusted until it is stopped, so that
 * it goes on to the next daemon after a crash, too. systemd has it open meanwhile, and feeds
 * nothing: what runs is the timer that was set last. It stops when it is told to stop, and with its
 * last close, which may be systemd's.
 *
 * The successor begins to adopt before its first guard, also where it was given nothing: a device
 * may run that nobody could keep. It adopts what there is, guards what it has taken over, with the
 * deadlines of before, and says that this was all: watchdog_adopted(). Nothing is fed until then,
 * and nobody answered, so that the first feed already goes by all deadlines. What nothing is
 * guarded with then is disarmed, descriptors of another kind too (the configuration may have
 * changed meanwhile).
 *
 * A descriptor that comes from a store may be anything. It is asked what it is before anything is
 * written to it, and closed if it is no watchdog, or not the one of the configuration.
 */
#define WATCHDOG_DEVICE_DESCRIPTOR "watchdog"
#define WATCHDOG_WDMD_PREFIX "wdmd-"
/* Names of the two kinds. */
gboolean watchdog_knows_descriptor(const char *name);

typedef struct WatchdogDescriptor {
    char *name;
    int fd;
} WatchdogDescriptor;

/* (element-type WatchdogDescriptor) owned; the descriptors themselves are borrowed. */
GPtrArray *watchdog_hand_over(Watchdog *self);
void watchdog_take_back(Watchdog *self);
void watchdog_begin_to_adopt(Watchdog *self);
void watchdog_adopt(Watchdog *self, const char *name, int fd);
void watchdog_adopted(Watchdog *self);
