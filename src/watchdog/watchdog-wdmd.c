/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wdmd, sanlock's watchdog daemon: it feeds one device for all its clients, as long as none of them
 * has expired. A connection for each lockspace.
 *
 * Why not libwdmd: it is eight functions over one message (wdmd-message.h), of which connect, send
 * and receive wait without a limit for a daemon that may hang, on a descriptor that programs
 * inherit.
 *
 * wdmd tests every 10 s, and stops feeding at the first test from 10 s before the expiry on.
 * Closing the device feeds it a last time, so with the device's 60 s (compiled in) and an expiry at
 * fail:
 *
 *   fail - 10 .. fail        it is fed for the last time
 *   fail + 50 .. fail + 60   the reset
 *
 * which is the window of reset-plan.h, with nothing to spare on either side. Hence:
 *
 *   - An io timeout of 1 s never has 10 s left (8 N = 8): a healthy host would be reset a minute
 *     after the join. With 2 s, 16 - 10 = 6 s are left for a renewal every 4 s.
 *   - Troubles that overlap do add up here: when one lockspace is cleared and another one has
 * failed meanwhile, feeding again for the sake of the second would keep its host alive for 60 s,
 * past its own deadline. wdmd's manual calls that an accepted side effect. A device of our own does
 *     not have it.
 */
#include "watchdog/watchdog-backend.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "watchdog/watchdog.h"
#include "watchdog/wdmd-message.h"

#define CALL_LIMIT_SECONDS 2

/* wdmd's own numbers; what it says is compared with them. */
#define TEST_INTERVAL_SECONDS 10u
#define FIRE_TIMEOUT_SECONDS 60u

#define IO_TIMEOUT_POSSIBLE 2u
#define IO_TIMEOUT_WITH_MARGIN 3u

/* How often the two clocks are compared: they come apart by a suspend only. */
#define LOOK_INTERVAL_US (5 * USEC_PER_SECOND)
#define SUSPENDED_US (USEC_PER_SECOND / 10)

typedef struct Connection {
    int fd;          /* -1: none */
    char *name;      /* of the lockspace, while it is adopted and nothing is guarded with it yet */
    guint64 sent_us; /* the deadline that wdmd knows; TIME_NEVER: none; 0: not known */
} Connection;

typedef struct WatchdogWdmd {
    WatchdogBackend parent;
    char *path;
    Connection connections[WATCHDOG_MAX_GUARDS];
    GPtrArray *adopted;   /* of Connection: not guarded with yet */
    gboolean is_gone;     /* in this pass: it could not be reached, and need not be tried again */
    guint64 suspended_us; /* CLOCK_BOOTTIME - CLOCK_MONOTONIC, when it was last compared */
} WatchdogWdmd;

/* --- the wire -------------------------------------------------------------------------------- */

static gboolean fail_by_errno(const WatchdogWdmd *self, const char *what, GError **error)
{
    int number = errno;
    gboolean hangs = number == EAGAIN || number == EWOULDBLOCK || number == EINPROGRESS;

    bailiff_set_error(error, hangs ? BAILIFF_ERROR_IO_TIMEOUT : BAILIFF_ERROR_IO_ERROR,
                      "See to the service wdmd, or to type= in [watchdog] of bailiffd.conf.",
                      "wdmd (%s) cannot be %s: %s.", self->path, what,
                      hangs ? "it does not answer" : g_strerror(number));
    return FALSE;
}

static gboolean send_message(int fd, const WdmdMessage *message)
{
    guint8 bytes[WDMD_MESSAGE_SIZE];
    ssize_t sent;

    wdmd_message_write(message, bytes);
    sent = send(fd, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0 && (gsize)sent < sizeof bytes) {
        /* The rest would be taken for the next message. The kernel takes so few bytes as a whole.
         */
        (void)shutdown(fd, SHUT_RDWR);
        errno = EPIPE;
    }
    return sent == (ssize_t)sizeof bytes;
}

/* Bounded: connect() by the one limit, recv() by the other. What is sent is never waited for. */
static gboolean limit_calls(int fd)
{
    const struct timeval limit = { .tv_sec = CALL_LIMIT_SECONDS };

    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0;
}

static int connect_to_wdmd(const WatchdogWdmd *self, int flags, GError **error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd;

    if (g_strlcpy(address.sun_path, self->path, sizeof address.sun_path) >=
        sizeof address.sun_path) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Name a shorter one.",
                          "The path of wdmd's socket, %s, is too long.", self->path);
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd >= 0 && limit_calls(fd) && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (errno == ENOENT || errno == ECONNREFUSED)
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND,
                          "Start it (systemctl start wdmd), or set another type in [watchdog] of "
                          "bailiffd.conf, which counts from the next start.",
                          "wdmd does not run: nobody listens on %s.", self->path);
    else
        (void)fail_by_errno(self, "reached", error);
    if (fd >= 0)
        close(fd);
    return -1;
}

/* One that has no place left in its queue is there, and busy. */
gboolean watchdog_wdmd_look(const char *socket_path, GError **error)
{
    g_autofree char *copy = g_strdup(socket_path);
    const WatchdogWdmd self = { .path = copy };
    g_autoptr(GError) local = NULL;
    int fd = connect_to_wdmd(&self, SOCK_NONBLOCK, &local);

    if (fd >= 0)
        close(fd);
    if (fd >= 0 || g_error_matches(local, BAILIFF_ERROR, BAILIFF_ERROR_IO_TIMEOUT))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

/* Everything sent before was read when the answer is here. */
static gboolean ask_status(WatchdogWdmd *self, int fd, WdmdMessage *ret, GError **error)
{
    const WdmdMessage question = { .command = WDMD_STATUS };
    guint8 bytes[WDMD_MESSAGE_SIZE];
    ssize_t got;

    if (!send_message(fd, &question))
        return fail_by_errno(self, "asked", error);
    do
        got = recv(fd, bytes, sizeof bytes, MSG_WAITALL);
    while (got < 0 && errno == EINTR);
    if (got >= 0 && (gsize)got < sizeof bytes)
        errno = got == 0 ? ECONNRESET : EAGAIN;
    if (got != (ssize_t)sizeof bytes)
        return fail_by_errno(self, "asked", error);
    if (wdmd_message_read(ret, WDMD_STATUS, bytes))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED,
                      "Use the wdmd of Debian's package sanlock, version 3.8.5.",
                      "What listens on %s does not speak as wdmd does.", self->path);
    return FALSE;
}

/* After a test that failed it tests each second. */
static gboolean check_numbers(const WatchdogWdmd *self, const WdmdMessage *status, GError **error)
{
    if (status->fire_timeout == FIRE_TIMEOUT_SECONDS && status->test_interval > 0 &&
        status->test_interval <= TEST_INTERVAL_SECONDS)
        return TRUE;
    bailiff_set_error(
        error, BAILIFF_ERROR_UNSUPPORTED,
        "Use the wdmd of Debian's package sanlock, version 3.8.5, as it comes.",
        "wdmd (%s) tests every %u seconds with a timeout of %u: a reset would not come between 50 "
        "and 60 seconds after the fail deadline, but other hosts rely on that.",
        self->path, status->test_interval, status->fire_timeout);
    return FALSE;
}

/* --- lockspaces ------------------------------------------------------------------------------ */

static gboolean start_guarding(WatchdogWdmd *self, int fd, const char *lockspace, GError **error)
{
    g_autofree char *name = g_strconcat("bailiff ", lockspace, NULL);
    const WdmdMessage registration = { .command = WDMD_REGISTER, .name = name };
    const WdmdMessage reference = { .command = WDMD_REFCOUNT_SET };
    WdmdMessage status;

    if (!send_message(fd, &registration) || !send_message(fd, &reference))
        return fail_by_errno(self, "told of a lockspace", error);
    return ask_status(self, fd, &status, error) && check_numbers(self, &status, error);
}

static gboolean take_adopted(WatchdogWdmd *self, const char *lockspace, Connection *ret)
{
    for (guint i = 0; i < self->adopted->len; i++) {
        Connection *one = self->adopted->pdata[i];

        if (strcmp(one->name, lockspace) != 0)
            continue;
        *ret = (Connection){ .fd = one->fd, .sent_us = 0 };
        one->fd = -1;
        g_ptr_array_remove_index_fast(self->adopted, i); /* and frees it, without the descriptor */
        return TRUE;
    }
    return FALSE;
}

static gboolean wdmd_guard(WatchdogBackend *backend, guint entry, GError **error)
{
    WatchdogWdmd *self = (WatchdogWdmd *)backend;
    Connection *connection = &self->connections[entry];
    const char *lockspace = backend->entries[entry].lockspace;
    int fd;

    if (take_adopted(self, lockspace, connection))
        return TRUE;
    fd = connect_to_wdmd(self, 0, error);
    if (fd < 0)
        return FALSE;
    if (!start_guarding(self, fd, lockspace, error)) {
        /* It has no expiry yet, so that wdmd forgets it. */
        close(fd);
        return FALSE;
    }
    *connection = (Connection){ .fd = fd, .sent_us = TIME_NEVER };
    return TRUE;
}

void watchdog_wdmd_disarm(int fd)
{
    const WdmdMessage not_tested = { .command = WDMD_TEST_LIVE };
    const WdmdMessage no_reference = { .command = WDMD_REFCOUNT_CLEAR };

    if (limit_calls(fd) && send_message(fd, &not_tested))
        (void)send_message(fd, &no_reference);
    close(fd);
}

static void wdmd_release(WatchdogBackend *backend, guint entry)
{
    WatchdogWdmd *self = (WatchdogWdmd *)backend;
    Connection *connection = &self->connections[entry];

    if (connection->fd >= 0)
        watchdog_wdmd_disarm(connection->fd);
    connection->fd = -1;
}

/* --- feeding --------------------------------------------------------------------------------- */

static guint64 monotonic_now(void)
{
    struct timespec now = { 0, 0 };

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (guint64)now.tv_sec * USEC_PER_SECOND + (guint64)now.tv_nsec / 1000;
}

static gboolean was_suspended(WatchdogWdmd *self)
{
    guint64 monotonic_us = monotonic_now();
    guint64 suspended_us = time_since(boottime_now(), monotonic_us);
    gboolean differs = time_since(suspended_us, self->suspended_us) > SUSPENDED_US;

    self->suspended_us = differs ? suspended_us : self->suspended_us;
    return differs;
}

/* In whole seconds of wdmd's clock, rounded down. 0 would mean "not tested". */
static guint64 in_wdmd_seconds(const WatchdogWdmd *self, guint64 boottime_us)
{
    return MAX(time_since(boottime_us, self->suspended_us) / USEC_PER_SECOND, 1);
}

static gboolean send_deadline(WatchdogWdmd *self, guint entry, guint64 fail_us, GError **error)
{
    Connection *connection = &self->connections[entry];
    gboolean is_tested = fail_us != TIME_NEVER;
    guint64 term_us = time_from_seconds(8 * (guint64)self->parent.entries[entry].io_timeout);
    const WdmdMessage message = {
        .command = WDMD_TEST_LIVE,
        .renewal = is_tested ? in_wdmd_seconds(self, time_since(fail_us, term_us)) : 0,
        .expire = is_tested ? in_wdmd_seconds(self, fail_us) : 0,
    };

    if (!send_message(connection->fd, &message))
        return fail_by_errno(self, "told of a renewal", error);
    connection->sent_us = fail_us;
    return TRUE;
}

/* A wdmd that has ended and was started again knows nobody. (One that is killed leaves its device
 * running, and so does one that has clients when it is stopped.) */
static gboolean reconnect(WatchdogWdmd *self, guint entry, GError **error)
{
    Connection *connection = &self->connections[entry];

    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
    if (self->is_gone)
        return FALSE;
    self->is_gone = !wdmd_guard(&self->parent, entry, error);
    return !self->is_gone;
}

static gboolean feed_entry(WatchdogWdmd *self, guint entry, gboolean all, GError **error)
{
    Connection *connection = &self->connections[entry];
    guint64 fail_us = self->parent.entries[entry].fail_us;
    char byte;

    /* The end of the other side is known by the end of what comes from there. */
    if ((connection->fd < 0 ||
         recv(connection->fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) == 0) &&
        !reconnect(self, entry, error))
        return FALSE;
    /* wdmd tests nobody whose expiry it was not told. */
    if (fail_us == connection->sent_us && (!all || fail_us == TIME_NEVER))
        return TRUE;
    return send_deadline(self, entry, fail_us, error);
}

static gboolean wdmd_feed(WatchdogBackend *backend, guint64 *ret_next_us, GError **error)
{
    WatchdogWdmd *self = (WatchdogWdmd *)backend;
    gboolean all = was_suspended(self);
    gboolean worked = TRUE;

    *ret_next_us = TIME_NEVER;
    self->is_gone = FALSE;
    for (guint i = 0; i < *backend->n_entries; i++) {
        if (!backend->entries[i].is_used)
            continue;
        *ret_next_us = time_add(boottime_now(), LOOK_INTERVAL_US);
        /* One that cannot be told must not keep the others from it. */
        if (!feed_entry(self, i, all, worked ? error : NULL))
            worked = FALSE;
    }
    return worked;
}

static gboolean wdmd_confirm(WatchdogBackend *backend, guint entry, GError **error)
{
    WatchdogWdmd *self = (WatchdogWdmd *)backend;
    WdmdMessage status;

    return ask_status(self, self->connections[entry].fd, &status, error) &&
           check_numbers(self, &status, error);
}

/* --- the rest -------------------------------------------------------------------------------- */

static void connection_free(gpointer data)
{
    Connection *connection = data;

    if (connection->fd >= 0)
        watchdog_wdmd_disarm(connection->fd);
    g_free(connection->name);
    g_free(connection);
}

static gboolean wdmd_disarm(WatchdogBackend *backend, GError **error)
{
    /* Each lockspace was, by itself. */
    return TRUE;
}

static void wdmd_settle(WatchdogBackend *backend)
{
    WatchdogWdmd *self = (WatchdogWdmd *)backend;

    g_ptr_array_set_size(self->adopted, 0);
}

static char *wdmd_describe(WatchdogBackend *backend)
{
    WatchdogWdmd *self = (WatchdogWdmd *)backend;

    for (guint i = 0; i < *backend->n_entries; i++)
        if (backend->entries[i].is_used && self->connections[i].fd >= 0)
            return g_strdup_printf("wdmd (%s)", self->path);
    return NULL;
}

static void add_connection(GPtrArray *descriptors, const char *lockspace, int fd)
{
    g_autofree char *name = g_strconcat(WATCHDOG_WDMD_PREFIX, lockspace, NULL);

    watchdog_add_descriptor(descriptors, name, fd);
}

static void wdmd_list(WatchdogBackend *backend, GPtrArray *descriptors)
{
    WatchdogWdmd *self = (WatchdogWdmd *)backend;

    for (guint i = 0; i < *backend->n_entries; i++)
        if (backend->entries[i].is_used && self->connections[i].fd >= 0)
            add_connection(descriptors, backend->entries[i].lockspace, self->connections[i].fd);
}

static gboolean wdmd_adopt(WatchdogBackend *backend, const char *name, int fd)
{
    WatchdogWdmd *self = (WatchdogWdmd *)backend;
    Connection *connection;

    if (!g_str_has_prefix(name, WATCHDOG_WDMD_PREFIX) || !limit_calls(fd))
        return FALSE;
    connection = g_new0(Connection, 1);
    *connection = (Connection){ .fd = fd, .name = g_strdup(name + strlen(WATCHDOG_WDMD_PREFIX)) };
    g_ptr_array_add(self->adopted, connection);
    return TRUE;
}

static void wdmd_free(WatchdogBackend *backend, gboolean keep)
{
    WatchdogWdmd *self = (WatchdogWdmd *)backend;

    for (guint i = 0; i < WATCHDOG_MAX_GUARDS; i++)
        if (self->connections[i].fd >= 0 && !keep)
            close(self->connections[i].fd);
    for (guint i = 0; i < self->adopted->len; i++) {
        Connection *one = self->adopted->pdata[i];

        if (!keep)
            close(one->fd);
        one->fd = -1;
    }
    g_ptr_array_unref(self->adopted);
    g_free(self->path);
    g_free(self);
}

WatchdogBackend *watchdog_wdmd_new(const char *socket_path)
{
    static const WatchdogBackendClass class = {
        .guard = wdmd_guard,
        .release = wdmd_release,
        .feed = wdmd_feed,
        .confirm = wdmd_confirm,
        .disarm = wdmd_disarm,
        .settle = wdmd_settle,
        .describe = wdmd_describe,
        .list = wdmd_list,
        .adopt = wdmd_adopt,
        .free = wdmd_free,
    };
    WatchdogWdmd *self = g_new0(WatchdogWdmd, 1);

    self->parent.class = &class;
    self->path = g_strdup(socket_path);
    self->adopted = g_ptr_array_new_with_free_func(connection_free);
    self->suspended_us = time_since(boottime_now(), monotonic_now());
    for (guint i = 0; i < WATCHDOG_MAX_GUARDS; i++)
        self->connections[i].fd = -1;
    return &self->parent;
}

gboolean watchdog_wdmd_check_io_timeout(guint32 io_timeout, char **ret_warning, GError **error)
{
    guint32 left = 8 * io_timeout - MIN(TEST_INTERVAL_SECONDS, 8 * io_timeout);

    *ret_warning = NULL;
    if (io_timeout < IO_TIMEOUT_POSSIBLE) {
        bailiff_set_error(
            error, BAILIFF_ERROR_INVALID_ARGUMENT,
            "Use an io timeout of 3 seconds or more, or a watchdog device of bailiffd's own.",
            "With an io timeout of %u s wdmd would reset this host though it is healthy: leases "
            "are "
            "good for 8 x %u = %u s, and wdmd stops feeding when less than %u s are left.",
            io_timeout, io_timeout, 8 * io_timeout, TEST_INTERVAL_SECONDS);
        return FALSE;
    }
    if (io_timeout < IO_TIMEOUT_WITH_MARGIN)
        *ret_warning = g_strdup_printf(
            "With an io timeout of %u s a renewal that is %u s late lets wdmd stop feeding: leases "
            "are good for 8 x %u = %u s, of which wdmd wants %u s left, and renewals come every %u "
            "s. Use 3 s or more.",
            io_timeout, left - 2 * io_timeout, io_timeout, 8 * io_timeout, TEST_INTERVAL_SECONDS,
            2 * io_timeout);
    return TRUE;
}
