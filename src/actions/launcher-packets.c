/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sending packets, each with its descriptor.
 */
#include "actions/launcher-packets.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log-message.h"

typedef struct Packet {
    guint64 id; /* of a program; 0: of none */
    int fd;
    gsize size;
    guint8 bytes[];
} Packet;

struct LauncherPackets {
    int socket_fd;
    GQueue waiting;    /* of Packet */
    GSource *writable; /* while packets wait */
};

static void packet_free(Packet *packet)
{
    if (packet->fd >= 0)
        close(packet->fd);
    g_free(packet);
}

/* 0 when it was sent, or an errno. */
static int send_packet(const LauncherPackets *self, const Packet *packet)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec part = { .iov_base = (void *)packet->bytes, .iov_len = packet->size };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    if (packet->fd >= 0) {
        struct cmsghdr *head = &control.align;

        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &packet->fd, sizeof(int));
    }
    return sendmsg(self->socket_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

/* What cannot be sent for another reason than a full socket is left to the end of the socket, or
 * to the limit of the program: both are noticed. */
static void send_waiting(LauncherPackets *self)
{
    while (!g_queue_is_empty(&self->waiting)) {
        int failed = send_packet(self, g_queue_peek_head(&self->waiting));

        if (failed == EAGAIN || failed == EINTR)
            return;
        packet_free(g_queue_pop_head(&self->waiting));
        if (failed != 0)
            log_line(LOG_WARNING, NULL,
                     "A packet to the launcher of programs could not be sent: %s",
                     g_strerror(failed));
    }
}

static gboolean on_writable(int fd, GIOCondition condition, gpointer user_data)
{
    LauncherPackets *self = user_data;

    send_waiting(self);
    if (!g_queue_is_empty(&self->waiting))
        return G_SOURCE_CONTINUE;
    g_clear_pointer(&self->writable, g_source_unref);
    return G_SOURCE_REMOVE;
}

void launcher_packets_send(LauncherPackets *self, const LauncherRequest *request, int output_fd)
{
    gsize size = launcher_request_size(request);
    Packet *packet = g_malloc(sizeof *packet + size);

    packet->id = request->kind == LAUNCHER_REQUEST_PING ? 0 : request->id;
    packet->fd = output_fd;
    packet->size = size;
    memcpy(packet->bytes, request, size);
    g_queue_push_tail(&self->waiting, packet);
    if (self->writable != NULL)
        return;
    send_waiting(self);
    if (g_queue_is_empty(&self->waiting))
        return;
    self->writable = g_unix_fd_source_new(self->socket_fd, G_IO_OUT);
    g_source_set_callback(self->writable, G_SOURCE_FUNC(on_writable), self, NULL);
    g_source_attach(self->writable, NULL);
}

gboolean launcher_packets_are_sent(const LauncherPackets *self)
{
    return g_queue_get_length((GQueue *)&self->waiting) == 0;
}

gboolean launcher_packets_take_back(LauncherPackets *self, guint64 id)
{
    for (GList *at = self->waiting.head; at != NULL; at = at->next) {
        Packet *packet = at->data;

        if (packet->id != id)
            continue;
        packet_free(packet);
        g_queue_delete_link(&self->waiting, at);
        return TRUE;
    }
    return FALSE;
}

LauncherPackets *launcher_packets_new(int socket_fd)
{
    LauncherPackets *self = g_new0(LauncherPackets, 1);

    self->socket_fd = socket_fd;
    g_queue_init(&self->waiting);
    return self;
}

void launcher_packets_free(LauncherPackets *self)
{
    if (self == NULL)
        return;
    if (self->writable != NULL)
        g_source_destroy(self->writable);
    g_clear_pointer(&self->writable, g_source_unref);
    g_queue_clear_full(&self->waiting, (GDestroyNotify)packet_free);
    g_free(self);
}
