/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stand-in for wdmd: a thread that listens on a socket, keeps what each connection last said, and
 * answers `status` as it is told to. The real one is in the tests on the bus.
 */
#pragma once

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "watchdog/wdmd-message.h"

#define WDMD_DOUBLE_CLIENTS 16

typedef struct WdmdDoubleClient {
    int fd; /* -1: gone */
    char name[WDMD_NAME_SIZE];
    gboolean has_reference;
    guint64 renewal, expire;
    guint n_test_live, n_messages;
} WdmdDoubleClient;

typedef struct WdmdDouble {
    char *directory, *path;
    GThread *thread;
    int listen_fd, stop_fds[2];
    GMutex lock; /* of all below */
    guint32 test_interval, fire_timeout;
    gboolean is_mute;
    guint n_clients;
    WdmdDoubleClient clients[WDMD_DOUBLE_CLIENTS];
} WdmdDouble;

static inline void wdmd_double_hear(WdmdDouble *self, WdmdDoubleClient *client,
                                    const guint8 bytes[WDMD_MESSAGE_SIZE])
{
    guint32 command;
    guint8 answer[WDMD_MESSAGE_SIZE];
    const WdmdMessage status = { .command = WDMD_STATUS,
                                 .test_interval = self->test_interval,
                                 .fire_timeout = self->fire_timeout };

    /* By the offsets of the wire, not by what is tested. */
    memcpy(&command, bytes + 4, sizeof command);
    client->n_messages++;
    if (command == 1)
        memcpy(client->name, bytes + 48, WDMD_NAME_SIZE);
    else if (command == 2 || command == 3)
        client->has_reference = command == 2;
    else if (command == 4) {
        memcpy(&client->renewal, bytes + 32, sizeof client->renewal);
        memcpy(&client->expire, bytes + 40, sizeof client->expire);
        client->n_test_live++;
    } else if (command == 5 && !self->is_mute) {
        wdmd_message_write(&status, answer);
        g_assert_cmpint(send(client->fd, answer, sizeof answer, MSG_NOSIGNAL), ==, sizeof answer);
    }
}

static inline gpointer wdmd_double_run(gpointer data)
{
    WdmdDouble *self = data;

    for (;;) {
        struct pollfd fds[WDMD_DOUBLE_CLIENTS + 2];

        fds[0] = (struct pollfd){ .fd = self->stop_fds[0], .events = POLLIN };
        fds[1] = (struct pollfd){ .fd = self->listen_fd, .events = POLLIN };
        for (guint i = 0; i < WDMD_DOUBLE_CLIENTS; i++)
            fds[i + 2] = (struct pollfd){ .fd = i < self->n_clients ? self->clients[i].fd : -1,
                                          .events = POLLIN };
        poll(fds, G_N_ELEMENTS(fds), -1);
        if (fds[0].revents != 0)
            return NULL;
        g_mutex_lock(&self->lock);
        if (fds[1].revents != 0) {
            g_assert_cmpuint(self->n_clients, <, WDMD_DOUBLE_CLIENTS);
            self->clients[self->n_clients++] =
                (WdmdDoubleClient){ .fd = accept(self->listen_fd, NULL, NULL) };
        }
        for (guint i = 0; i < self->n_clients; i++) {
            guint8 bytes[WDMD_MESSAGE_SIZE];
            ssize_t got;

            if (fds[i + 2].fd < 0 || fds[i + 2].revents == 0)
                continue;
            got = recv(self->clients[i].fd, bytes, sizeof bytes, MSG_WAITALL);
            if (got == (ssize_t)sizeof bytes) {
                wdmd_double_hear(self, &self->clients[i], bytes);
            } else {
                close(self->clients[i].fd);
                self->clients[i].fd = -1;
            }
        }
        g_mutex_unlock(&self->lock);
    }
}

static inline void wdmd_double_listen(WdmdDouble *self)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    self->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_strlcpy(address.sun_path, self->path, sizeof address.sun_path);
    g_assert_cmpint(bind(self->listen_fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(self->listen_fd, 5), ==, 0);
    g_assert_cmpint(pipe(self->stop_fds), ==, 0);
    self->thread = g_thread_new("wdmd", wdmd_double_run, self);
}

/* As when it is killed: nobody listens any more, all connections have ended. */
static inline void wdmd_double_end(WdmdDouble *self)
{
    if (self->thread == NULL)
        return;
    close(self->stop_fds[1]);
    g_thread_join(g_steal_pointer(&self->thread));
    close(self->stop_fds[0]);
    close(self->listen_fd);
    for (guint i = 0; i < self->n_clients; i++)
        if (self->clients[i].fd >= 0)
            close(self->clients[i].fd);
    self->n_clients = 0;
    unlink(self->path);
}

static inline WdmdDouble *wdmd_double_new(void)
{
    WdmdDouble *self = g_new0(WdmdDouble, 1);

    self->directory = g_dir_make_tmp("bailiff-wdmd-XXXXXX", NULL);
    self->path = g_build_filename(self->directory, "wdmd.sock", NULL);
    self->test_interval = 10;
    self->fire_timeout = 60;
    g_mutex_init(&self->lock);
    wdmd_double_listen(self);
    return self;
}

static inline void wdmd_double_free(WdmdDouble *self)
{
    wdmd_double_end(self);
    g_mutex_clear(&self->lock);
    g_rmdir(self->directory);
    g_free(self->directory);
    g_free(self->path);
    g_free(self);
}

/* What is known of a client; the latest. */
static inline WdmdDoubleClient wdmd_double_client(WdmdDouble *self, guint i)
{
    WdmdDoubleClient client;

    g_mutex_lock(&self->lock);
    client = i < self->n_clients ? self->clients[i] : (WdmdDoubleClient){ .fd = -1 };
    g_mutex_unlock(&self->lock);
    return client;
}
