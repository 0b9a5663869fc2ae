/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stand-in for systemd's end of NOTIFY_SOCKET: takes messages, and the descriptors that come with
 * them.
 */
#pragma once

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib.h>

typedef struct NotifyDouble {
    int fd;
    char *directory;
    char *path;
} NotifyDouble;

/* Sets NOTIFY_SOCKET. */
static inline void notify_double_listen(NotifyDouble *self)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    g_autoptr(GError) error = NULL;

    self->directory = g_dir_make_tmp("notify-XXXXXX", &error);
    g_assert_no_error(error);
    self->path = g_build_filename(self->directory, "notify", NULL);
    g_setenv("NOTIFY_SOCKET", self->path, TRUE);
    self->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(self->fd, >=, 0);
    g_strlcpy(address.sun_path, self->path, sizeof address.sun_path);
    g_assert_cmpint(bind(self->fd, (struct sockaddr *)&address, sizeof address), ==, 0);
}

static inline void notify_double_end(NotifyDouble *self)
{
    g_unsetenv("NOTIFY_SOCKET");
    close(self->fd);
    unlink(self->path);
    rmdir(self->directory);
    g_free(self->directory);
    g_free(self->path);
}

/* NULL: there is none. *ret_fd: owned; -1: none came with it. */
static inline char *notify_double_take(NotifyDouble *self, int *ret_fd)
{
    char text[4096];
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(8 * sizeof(int))];
    } control = { 0 };
    struct iovec bytes = { .iov_base = text, .iov_len = sizeof text };
    struct msghdr message = { .msg_iov = &bytes,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof control };
    ssize_t length = recvmsg(self->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = length >= 0 ? CMSG_FIRSTHDR(&message) : NULL;

    *ret_fd = -1;
    if (length < 0) {
        g_assert_cmpint(errno, ==, EAGAIN);
        return NULL;
    }
    if (header != NULL) {
        g_assert_cmpuint(header->cmsg_len, ==, CMSG_LEN(sizeof(int)));
        memcpy(ret_fd, CMSG_DATA(header), sizeof(int));
    }
    return g_strndup(text, (gsize)length);
}
