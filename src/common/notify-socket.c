/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Datagrams to systemd.
 */
#include "common/notify-socket.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log-message.h"

struct NotifySocket {
    int fd;
    struct sockaddr_un address;
    socklen_t address_length;
};

/* "/run/systemd/notify", or "@name" for an abstract one. */
static gboolean parse_address(NotifySocket *self, const char *text)
{
    gsize length = strlen(text);

    if ((text[0] != '/' && text[0] != '@') || length < 2 ||
        length >= sizeof(self->address.sun_path))
        return FALSE;
    self->address.sun_family = AF_UNIX;
    memcpy(self->address.sun_path, text, length);
    if (text[0] == '@')
        self->address.sun_path[0] = '\0';
    self->address_length =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (text[0] == '/' ? 1 : 0));
    return TRUE;
}

NotifySocket *notify_socket_new(void)
{
    const char *address = g_getenv("NOTIFY_SOCKET");
    g_autoptr(NotifySocket) self = g_new0(NotifySocket, 1);

    self->fd = -1;
    if (address == NULL || !parse_address(self, address))
        return NULL;
    self->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->fd >= 0)
        return g_steal_pointer(&self);
    log_line(LOG_WARNING, NULL, "The service manager cannot be told anything: %s",
             g_strerror(errno));
    return NULL;
}

void notify_socket_free(NotifySocket *self)
{
    if (self == NULL)
        return;
    if (self->fd >= 0)
        close(self->fd);
    g_free(self);
}

gboolean notify_socket_send(NotifySocket *self, const char *text, int fd)
{
    struct iovec bytes = { .iov_base = (char *)text, .iov_len = strlen(text) };
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr message = {
        .msg_name = &self->address,
        .msg_namelen = self->address_length,
        .msg_iov = &bytes,
        .msg_iovlen = 1,
    };

    if (fd >= 0) {
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
    }
    return sendmsg(self->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}
