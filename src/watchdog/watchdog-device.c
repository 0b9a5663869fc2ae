/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A watchdog device of the kernel (linux/watchdog.h; the kernel's watchdog-api.rst). Opening it
 * starts its timer, closing it stops the timer only if a 'V' was written last.
 *
 * It is trusted when it says that its timeout can be set, reads back what was set (twice, since one
 * value may be what it has anyway), and stops by a magic close alone: one that any close stops
 * would not outlive a daemon that is killed, and one that nothing stops would reset a host that has
 * left all its lockspaces. Neither can be found out safely by trying. Where sysfs says so
 * beforehand, the device is not opened at all.
 *
 * Setting the timeout starts the timer again with drivers of the kernel's watchdog core. For those
 * that do not, it is fed right after.
 *
 * A close without the 'V' feeds it, too, and so may an open. One that is to guard what has a
 * deadline already may be running down, left by a daemon that was killed and had nowhere to keep
 * it. It is opened when it is to be set (reset-plan.h), by the deadlines of all, and not before: a
 * daemon that is killed as soon as it has started, again and again, must not put the reset off.
 * Unless it gets its whole timeout anyway it is tried out no more than one that was kept.
 */
#include "watchdog/watchdog-backend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "failure/reset-plan.h"
#include "watchdog/watchdog.h"

/* What every timer that is trusted takes exactly, and what is asked of it at the least: one that
 * turns out not to take that is known from then on, see set_timer(). */
#define PROVEN_SECONDS 10u
#define SHORTEST_SECONDS 5u

G_STATIC_ASSERT(PROVEN_SECONDS - SHORTEST_SECONDS <= RESET_LATEST_SECONDS - RESET_AIM_SECONDS);
G_STATIC_ASSERT(PROVEN_SECONDS <= WATCHDOG_TIMEOUT_MIN);

#define NEEDED_OPTIONS (WDIOF_SETTIMEOUT | WDIOF_MAGICCLOSE | WDIOF_KEEPALIVEPING)

/* The node of the first watchdog from before there could be several. */
#define LEGACY_MAJOR 10
#define LEGACY_MINOR 130

/* What systemd has a duplicate of is closed for good when it comes to that: as a rule at once. */
#define STORE_CLOSES_US (2 * USEC_PER_SECOND)
#define STORE_POLL_US 10000

#define MAGIC_CLOSE "V"
/* Any other byte takes a magic close back. */
#define NO_MAGIC_CLOSE "-"

typedef struct WatchdogDevice {
    WatchdogBackend parent;
    char *path;
    guint32 wanted_timeout;
    FdStore *store;       /* may be NULL */
    int fd;               /* -1: not open */
    gboolean is_awaited;  /* guarded with, and not open before there is something to set */
    gboolean is_adopted;  /* not looked at yet */
    gboolean is_unproven; /* of an earlier daemon, and not set yet */
    guint64 dropped_us;   /* when it was taken out of the store; 0: never */
    char *identity;
    ResetTimer timer;
} WatchdogDevice;

static gboolean fail_by_errno(const WatchdogDevice *self, const char *what, GError **error)
{
    int number = errno;

    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "See the kernel's log for its driver.",
                      "The watchdog device %s cannot be %s: %s.", self->path, what,
                      g_strerror(number));
    return FALSE;
}

static gboolean refuse(const WatchdogDevice *self, const char *why, GError **error)
{
    bailiff_set_error(
        error, BAILIFF_ERROR_UNSUPPORTED,
        "Name another device in [watchdog] of bailiffd.conf, or another type; it counts "
        "from the next start.",
        "The watchdog device %s cannot be trusted: %s.", self->path, why);
    return FALSE;
}

/* --- what is known before it is opened ------------------------------------------------------- */

/* "1" in the device's attribute; FALSE also when there is no such attribute. */
static gboolean attribute_is_set(const WatchdogDevice *self, const char *attribute)
{
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;
    struct stat facts;

    if (stat(self->path, &facts) != 0 || !S_ISCHR(facts.st_mode))
        return FALSE;
    if (major(facts.st_rdev) == LEGACY_MAJOR && minor(facts.st_rdev) == LEGACY_MINOR)
        path = g_strdup_printf("/sys/class/watchdog/watchdog0/%s", attribute);
    else
        path = g_strdup_printf("/sys/dev/char/%u:%u/%s", major(facts.st_rdev), minor(facts.st_rdev),
                               attribute);
    return g_file_get_contents(path, &text, NULL, NULL) && g_str_has_prefix(text, "1");
}

static gboolean check_way_out(const WatchdogDevice *self, GError **error)
{
    return !attribute_is_set(self, "nowayout") ||
           refuse(self,
                  "nothing stops it once it runs (nowayout), so this host would be reset after "
                  "every leave",
                  error);
}

/* By errno. */
static gboolean fail_to_open(const WatchdogDevice *self, GError **error)
{
    if (errno == EBUSY)
        bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                          "Stop who uses it: wdmd, the program watchdog, or systemd itself "
                          "(RuntimeWatchdogSec= in systemd-system.conf).",
                          "The watchdog device %s is in use.", self->path);
    else if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
        bailiff_set_error(
            error, BAILIFF_ERROR_NOT_FOUND,
            "Load the driver of this host's watchdog (softdog when it has none), or "
            "set type=none in [watchdog] of bailiffd.conf, which counts from the next start.",
            "There is no watchdog device %s.", self->path);
    else
        (void)fail_by_errno(self, "opened", error);
    return FALSE;
}

static int open_path(const WatchdogDevice *self)
{
    guint64 until_us =
        self->dropped_us != 0 ? time_add(self->dropped_us, STORE_CLOSES_US) : boottime_now();
    int fd;

    /* O_NONBLOCK: it may be anything, since an administrator has named it. */
    while ((fd = open(self->path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) < 0 &&
           errno == EBUSY && boottime_now() < until_us)
        g_usleep(STORE_POLL_US);
    return fd;
}

static int open_device(const WatchdogDevice *self, GError **error)
{
    int fd;

    if (!check_way_out(self, error))
        return -1;
    fd = open_path(self);
    if (fd < 0)
        (void)fail_to_open(self, error);
    return fd;
}

gboolean watchdog_device_look(const char *path, GError **error)
{
    g_autofree char *copy = g_strdup(path);
    const WatchdogDevice self = { .path = copy };

    return access(path, W_OK) == 0 ? check_way_out(&self, error) : fail_to_open(&self, error);
}

/* --- whether it can be trusted --------------------------------------------------------------- */

static gboolean check_support(WatchdogDevice *self, GError **error)
{
    struct watchdog_info info = { 0 };

    if (ioctl(self->fd, WDIOC_GETSUPPORT, &info) != 0)
        return refuse(self, "it does not say what it is, so it may be no watchdog at all", error);
    g_free(self->identity);
    self->identity = g_strndup((const char *)info.identity,
                               strnlen((char *)info.identity, sizeof info.identity));
    if ((info.options & WDIOF_SETTIMEOUT) == 0)
        return refuse(self, "its timeout cannot be set", error);
    if ((info.options & WDIOF_MAGICCLOSE) == 0)
        return refuse(self, "it stops when it is closed, also by a daemon that was killed", error);
    if ((info.options & NEEDED_OPTIONS) != NEEDED_OPTIONS)
        return refuse(self, "it cannot be fed", error);
    return TRUE;
}

static gboolean check_one_timeout(WatchdogDevice *self, guint32 wish, GError **error)
{
    int set = (int)wish, read_back = 0;
    g_autofree char *why = NULL;

    if (ioctl(self->fd, WDIOC_SETTIMEOUT, &set) != 0) {
        why = g_strdup_printf("it refuses a timeout of %u seconds (%s)", wish, g_strerror(errno));
        return refuse(self, why, error);
    }
    if (ioctl(self->fd, WDIOC_GETTIMEOUT, &read_back) != 0)
        return refuse(self, "it does not say what its timeout is", error);
    if (set == (int)wish && read_back == (int)wish)
        return TRUE;
    why = g_strdup_printf("it was set to %u seconds and says %d", wish,
                          set != (int)wish ? set : read_back);
    return refuse(self, why, error);
}

/* Not the shortest one: whoever is held up for so long here would be reset for it. But one that
 * takes this takes a shorter one for this at most, which the margin behind the reset deadline
 * bears. */
static gboolean check_trust(WatchdogDevice *self, GError **error)
{
    guint32 other = self->wanted_timeout == PROVEN_SECONDS ? PROVEN_SECONDS + 1 : PROVEN_SECONDS;

    return check_support(self, error) && check_one_timeout(self, other, error) &&
           check_one_timeout(self, self->wanted_timeout, error);
}

/* --- its end ---------------------------------------------------------------------------------- */

/* Where systemd has it open, too, the magic close works when that closes it; a systemd that hangs
 * is no reason for a reset, so the timer is told to stop. Not every driver knows that. */
static gboolean stop_timer(int fd, gboolean is_shared)
{
    int disable = WDIOS_DISABLECARD;
    gboolean stopped = is_shared && ioctl(fd, WDIOC_SETOPTIONS, &disable) == 0;

    return write(fd, MAGIC_CLOSE, 1) == 1 || stopped;
}

/* Nobody else may have it under this name: it is out of the store before it is closed. */
static void close_device(WatchdogDevice *self)
{
    fd_store_drop(self->store, WATCHDOG_DEVICE_DESCRIPTOR);
    self->dropped_us = fd_store_is_shared(self->store) ? boottime_now() : 0;
    close(self->fd);
    self->fd = -1;
    self->is_adopted = self->is_unproven = FALSE;
}

static gboolean stop_device(WatchdogDevice *self, GError **error)
{
    gboolean stopped = stop_timer(self->fd, fd_store_is_shared(self->store));

    if (!stopped)
        (void)fail_by_errno(self, "stopped: it will reset this host", error);
    close_device(self);
    return stopped;
}

static gboolean is_watchdog(int fd)
{
    struct watchdog_info info = { 0 };

    return ioctl(fd, WDIOC_GETSUPPORT, &info) == 0;
}

void watchdog_device_disarm(int fd, FdStore *store)
{
    if (!is_watchdog(fd))
        log_line(LOG_WARNING, NULL, "What was kept as a watchdog is none.");
    else if (!stop_timer(fd, fd_store_is_shared(store)))
        log_line(LOG_ERR, NULL, "A watchdog that is not used any more cannot be stopped: %s.",
                 g_strerror(errno));
    fd_store_drop(store, WATCHDOG_DEVICE_DESCRIPTOR);
    close(fd);
}

/* --- adopted ---------------------------------------------------------------------------------- */

static gboolean is_of_path(const WatchdogDevice *self)
{
    struct stat mine, named;

    if (fstat(self->fd, &mine) != 0 || stat(self->path, &named) != 0 ||
        (mine.st_mode & S_IFMT) != (named.st_mode & S_IFMT))
        return FALSE;
    return S_ISCHR(mine.st_mode) ? mine.st_rdev == named.st_rdev
                                 : mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}

/* What was adopted is not what the configuration names, or makes no sense: it is given up, so that
 * the device is opened as if there had been nothing. A watchdog is stopped, for it is nobody else's
 * than that of the daemon before; anything else is not written to. */
static void check_adopted(WatchdogDevice *self)
{
    g_autoptr(GError) error = NULL;
    int timeout = 0;

    if (!is_watchdog(self->fd)) {
        log_line(LOG_WARNING, NULL, "What was kept as the watchdog is none.");
        close_device(self);
    } else if (!is_of_path(self)) {
        log_line(LOG_NOTICE, NULL, "The watchdog that was kept is not %s: it is stopped.",
                 self->path);
        (void)stop_device(self, NULL);
    } else if (!check_support(self, &error) || ioctl(self->fd, WDIOC_GETTIMEOUT, &timeout) != 0 ||
               timeout < 1 || timeout > (int)WATCHDOG_TIMEOUT_MAX) {
        log_line(LOG_WARNING, NULL, "The watchdog that was kept (%s) cannot be trusted.",
                 self->path);
        (void)stop_device(self, NULL);
    }
}

/* --- feeding it ------------------------------------------------------------------------------ */

/* The first time that one of an earlier daemon is set. That daemon may have ended when it had just
 * stopped it, or said that it may be closed: both are taken back, now that it is set to what is
 * left and not before. */
static gboolean prove(WatchdogDevice *self, GError **error)
{
    int enable = WDIOS_ENABLECARD, timeout = 0;
    guint32 set = self->timer.set;

    self->timer.set = 0;
    if (ioctl(self->fd, WDIOC_GETTIMEOUT, &timeout) != 0 || (guint32)timeout != set)
        return refuse(self, "its timeout is not what it is set to", error);
    /* Only who can be told to stop knows this. */
    (void)ioctl(self->fd, WDIOC_SETOPTIONS, &enable);
    if (write(self->fd, NO_MAGIC_CLOSE, 1) != 1)
        return fail_by_errno(self, "fed", error);
    self->timer.set = set;
    self->is_unproven = FALSE;
    return TRUE;
}

/* A timer that takes more than it was asked for would run past the deadline, and further with each
 * attempt to mend it: from then on it is known not to take less. */
static gboolean set_timer(WatchdogDevice *self, guint32 seconds, GError **error)
{
    int set = (int)seconds;

    if (ioctl(self->fd, WDIOC_SETTIMEOUT, &set) != 0) {
        if (errno == EINVAL && seconds < self->timer.timeout)
            self->timer.shortest = MAX(self->timer.shortest, seconds + 1);
        return fail_by_errno(self, "set", error);
    }
    self->timer.set = (guint32)MAX(set, 1);
    if (self->timer.set > seconds)
        self->timer.shortest = MAX(self->timer.shortest, self->timer.set);
    return !self->is_unproven || prove(self, error);
}

static gboolean feed_timer(WatchdogDevice *self, guint32 seconds, GError **error)
{
    int unused = 0;

    if (seconds != self->timer.set && !set_timer(self, seconds, error))
        return FALSE;
    if (ioctl(self->fd, WDIOC_KEEPALIVE, &unused) != 0)
        return fail_by_errno(self, "fed", error);
    self->timer.fires_us = time_add(boottime_now(), time_from_seconds(self->timer.set));
    self->timer.found_us = 0;
    return TRUE;
}

static guint64 earliest_deadline(const WatchdogBackend *backend)
{
    guint64 deadline_us = RESET_SAFE;

    for (guint i = 0; i < *backend->n_entries; i++)
        if (backend->entries[i].is_used)
            deadline_us = MIN(deadline_us, reset_deadline(backend->entries[i].fail_us));
    return deadline_us;
}

static gboolean open_awaited(WatchdogDevice *self, GError **error)
{
    self->fd = open_device(self, error);
    if (self->fd < 0)
        return FALSE;
    if (!check_support(self, error)) {
        (void)stop_device(self, NULL);
        return FALSE;
    }
    fd_store_keep(self->store, WATCHDOG_DEVICE_DESCRIPTOR, self->fd, FD_STORE_WATCHDOG);
    self->is_unproven = TRUE;
    self->is_awaited = FALSE;
    /* By that it may have been fed, with more than anybody's deadline leaves. */
    self->timer.found_us = 0;
    return TRUE;
}

static gboolean open_and_try(WatchdogDevice *self, GError **error)
{
    self->fd = open_device(self, error);
    if (self->fd < 0)
        return FALSE;
    if (!check_trust(self, error)) {
        (void)stop_device(self, NULL);
        return FALSE;
    }
    fd_store_keep(self->store, WATCHDOG_DEVICE_DESCRIPTOR, self->fd, FD_STORE_WATCHDOG);
    self->is_awaited = FALSE;
    self->timer.set = self->wanted_timeout;
    self->timer.found_us = 0;
    return TRUE;
}

/* What gets its whole timeout anyway is tried out. */
static gboolean open_to_set(WatchdogDevice *self, guint32 seconds, GError **error)
{
    return seconds < self->timer.timeout ? open_awaited(self, error) : open_and_try(self, error);
}

static gboolean device_feed(WatchdogBackend *backend, guint64 *ret_next_us, GError **error)
{
    WatchdogDevice *self = (WatchdogDevice *)backend;
    ResetStep step;

    *ret_next_us = TIME_NEVER;
    if (self->is_adopted || (self->fd < 0 && !self->is_awaited))
        return TRUE;
    step = reset_plan(&self->timer, earliest_deadline(backend), boottime_now());
    *ret_next_us = step.next_us;
    if (step.seconds == 0)
        return TRUE;
    if (self->is_awaited && !open_to_set(self, step.seconds, error))
        return FALSE;
    return feed_timer(self, step.seconds, error);
}

static gboolean device_guard(WatchdogBackend *backend, guint entry, GError **error)
{
    WatchdogDevice *self = (WatchdogDevice *)backend;
    gboolean was_adopted = self->is_adopted;

    if (!was_adopted && (self->fd >= 0 || self->is_awaited))
        return TRUE;
    if (was_adopted)
        check_adopted(self);
    /* Where another one was kept, this one is nobody's. */
    self->timer = (ResetTimer){
        .timeout = self->wanted_timeout,
        .shortest = SHORTEST_SECONDS,
        .fires_us = TIME_NEVER,
        .found_us = !was_adopted || self->is_adopted ? boottime_now() : 0,
    };
    if (self->is_adopted) {
        fd_store_keep(self->store, WATCHDOG_DEVICE_DESCRIPTOR, self->fd, FD_STORE_WATCHDOG);
        self->is_unproven = TRUE;
        self->is_adopted = FALSE;
        return TRUE;
    }
    /* Another one's deadline may be nearer, and not known yet. */
    self->is_awaited = backend->entries[entry].fail_us != TIME_NEVER;
    return self->is_awaited || open_and_try(self, error);
}

static void device_release(WatchdogBackend *backend, guint entry)
{
    /* Its deadline is out of the minimum. */
}

static gboolean device_confirm(WatchdogBackend *backend, guint entry, GError **error)
{
    const WatchdogDevice *self = (const WatchdogDevice *)backend;

    /* What was set is in the device. */
    if (self->fd >= 0)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Wait until that is over, or the host is reset.",
                      "The reset of this host by the watchdog device %s is due.", self->path);
    return FALSE;
}

static gboolean device_disarm(WatchdogBackend *backend, GError **error)
{
    WatchdogDevice *self = (WatchdogDevice *)backend;

    /* It may run, and nobody is left to reset this host for. */
    if (self->is_awaited)
        self->fd = open_device(self, error);
    if (self->is_awaited && self->fd < 0)
        return FALSE;
    self->is_awaited = FALSE;
    return self->fd < 0 || stop_device(self, error);
}

static void device_settle(WatchdogBackend *backend)
{
    WatchdogDevice *self = (WatchdogDevice *)backend;

    if (!self->is_adopted)
        return;
    watchdog_device_disarm(self->fd, self->store);
    self->dropped_us = fd_store_is_shared(self->store) ? boottime_now() : 0;
    self->fd = -1;
    self->is_adopted = FALSE;
}

static char *device_describe(WatchdogBackend *backend)
{
    WatchdogDevice *self = (WatchdogDevice *)backend;

    if (self->is_awaited)
        return g_strdup(self->path);
    return self->fd < 0 ? NULL : g_strdup_printf("%s (%s)", self->path, self->identity);
}

static void device_list(WatchdogBackend *backend, GPtrArray *descriptors)
{
    WatchdogDevice *self = (WatchdogDevice *)backend;

    if (self->fd >= 0)
        watchdog_add_descriptor(descriptors, WATCHDOG_DEVICE_DESCRIPTOR, self->fd);
}

static gboolean device_adopt(WatchdogBackend *backend, const char *name, int fd)
{
    WatchdogDevice *self = (WatchdogDevice *)backend;

    if (self->fd >= 0 || strcmp(name, WATCHDOG_DEVICE_DESCRIPTOR) != 0)
        return FALSE;
    self->fd = fd;
    self->is_adopted = TRUE;
    /* It is nobody's otherwise, before the thread has looked at it. */
    fd_store_keep(self->store, name, fd, FD_STORE_WATCHDOG);
    return TRUE;
}

static void device_free(WatchdogBackend *backend, gboolean keep)
{
    WatchdogDevice *self = (WatchdogDevice *)backend;

    /* Armed, it stays in the store: this is no end in order. */
    if (self->fd >= 0 && !keep)
        close(self->fd);
    g_free(self->identity);
    g_free(self->path);
    g_free(self);
}

WatchdogBackend *watchdog_device_new(const char *path, guint32 timeout, FdStore *store)
{
    static const WatchdogBackendClass class = {
        .guard = device_guard,
        .release = device_release,
        .feed = device_feed,
        .confirm = device_confirm,
        .disarm = device_disarm,
        .settle = device_settle,
        .describe = device_describe,
        .list = device_list,
        .adopt = device_adopt,
        .free = device_free,
    };
    WatchdogDevice *self = g_new0(WatchdogDevice, 1);

    self->parent.class = &class;
    self->path = g_strdup(path);
    self->wanted_timeout = timeout;
    self->store = store;
    self->fd = -1;
    return &self->parent;
}
