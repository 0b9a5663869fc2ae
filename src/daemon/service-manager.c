/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The socket never waits (common/notify-socket.h). A message that finds no room is dropped, and
 * said again later: the state is kept until it has been sent.
 */
#include "daemon/service-manager.h"

#include <string.h>

#include <systemd/sd-daemon.h>

#include "common/notify-socket.h"

/* So often within the time after which systemd ends a service that does not ping: one ping may be
 * lost, and one be late. */
#define PINGS_PER_WATCHDOG 4
/* A message that found no room is said again after this. */
#define RETRY_SECONDS 1u
/* systemd reads 4096 bytes of a message. */
#define STATUS_MAX_LENGTH 1024

struct ServiceManager {
    NotifySocket *socket; /* NULL: nobody is told anything */
    guint64 watchdog_us;  /* what the unit says; 0: no watchdog */
    guint64 patience_us;  /* what systemd was told last */
    guint ping_source;
    guint retry_source;
    char *state; /* READY=1 or the like that is to be said; NULL: it was */
    char *status;
    gboolean status_sent;
    gboolean patience_sent;
};

/* All that is unsent in one message; what it was meanwhile is of no interest any more. */
static void send_unsent(ServiceManager *self)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (self->socket == NULL)
        return;
    if (self->state != NULL)
        g_string_append_printf(text, "%s\n", self->state);
    if (!self->status_sent && self->status != NULL)
        g_string_append_printf(text, "STATUS=%s\n", self->status);
    if (!self->patience_sent)
        g_string_append_printf(text, "WATCHDOG_USEC=%" G_GUINT64_FORMAT "\nWATCHDOG=1\n",
                               self->patience_us);
    if (text->len == 0 || !notify_socket_send(self->socket, text->str, -1))
        return;
    g_clear_pointer(&self->state, g_free);
    self->status_sent = self->patience_sent = TRUE;
}

static gboolean is_all_sent(const ServiceManager *self)
{
    return self->socket == NULL ||
           (self->state == NULL && self->status_sent && self->patience_sent);
}

static gboolean send_again(gpointer user_data)
{
    ServiceManager *self = user_data;

    send_unsent(self);
    if (!is_all_sent(self))
        return G_SOURCE_CONTINUE;
    self->retry_source = 0;
    return G_SOURCE_REMOVE;
}

static void tell(ServiceManager *self)
{
    send_unsent(self);
    if (!is_all_sent(self) && self->retry_source == 0)
        self->retry_source = g_timeout_add_seconds(RETRY_SECONDS, send_again, self);
}

static void tell_state(ServiceManager *self, char *state)
{
    g_free(self->state);
    self->state = state;
    tell(self);
}

/* A ping that finds no room is lost: the next one says as much. */
static gboolean ping(gpointer user_data)
{
    ServiceManager *self = user_data;

    (void)notify_socket_send(self->socket, "WATCHDOG=1", -1);
    return G_SOURCE_CONTINUE;
}

ServiceManager *service_manager_new(void)
{
    ServiceManager *self = g_new0(ServiceManager, 1);
    uint64_t watchdog_us = 0;

    self->status_sent = self->patience_sent = TRUE;
    self->socket = notify_socket_new();
    if (self->socket == NULL)
        return self;
    if (sd_watchdog_enabled(0, &watchdog_us) > 0) {
        self->watchdog_us = self->patience_us = watchdog_us;
        self->ping_source =
            g_timeout_add((guint)MAX(watchdog_us / 1000 / PINGS_PER_WATCHDOG, 1), ping, self);
    }
    return self;
}

void service_manager_free(ServiceManager *self)
{
    if (self == NULL)
        return;
    if (self->ping_source != 0)
        g_source_remove(self->ping_source);
    if (self->retry_source != 0)
        g_source_remove(self->retry_source);
    notify_socket_free(self->socket);
    g_free(self->state);
    g_free(self->status);
    g_free(self);
}

void service_manager_ready(ServiceManager *self)
{
    tell_state(self, g_strdup("READY=1"));
}

void service_manager_reloading(ServiceManager *self)
{
    /* When that began, which systemd from 253 on compares with when it asked. */
    tell_state(self, g_strdup_printf("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT,
                                     g_get_monotonic_time()));
}

void service_manager_stopping(ServiceManager *self)
{
    tell_state(self, g_strdup("STOPPING=1"));
}

void service_manager_set_status(ServiceManager *self, const char *status)
{
    g_autofree char *line = g_utf8_make_valid(status, strnlen(status, STATUS_MAX_LENGTH));

    /* A line end would begin another line, which may be an order to systemd. */
    g_strdelimit(line, "\n\r", ' ');
    if (g_strcmp0(self->status, line) == 0)
        return;
    g_free(self->status);
    self->status = g_steal_pointer(&line);
    self->status_sent = FALSE;
    tell(self);
}

void service_manager_set_patience(ServiceManager *self, guint seconds)
{
    guint64 patience_us = MAX(self->watchdog_us, (guint64)seconds * G_USEC_PER_SEC);

    if (self->watchdog_us == 0 || patience_us == self->patience_us)
        return;
    self->patience_us = patience_us;
    self->patience_sent = FALSE;
    tell(self);
}
