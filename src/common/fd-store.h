/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Descriptors that outlive this process: systemd keeps a duplicate of each (FileDescriptorStoreMax=
 * of the unit) and gives it to the next bailiffd, whatever this one ends of; and a program that is
 * executed anew inherits them.
 *
 * It is an extra, and nothing else: whoever keeps one finds his way without it, too. A store that
 * is full, or not there, or a systemd that does not listen, costs that and no more. And what comes
 * out of it is no more than a number with a name: it may be any file, so that whoever takes it
 * looks at it before he believes the name.
 *
 * Nothing here waits for systemd (common/notify-socket.h); what finds no room is said again later.
 * What is dropped before it was said is never said. All functions may be called by any thread,
 * those that make and free a store by the one of the main loop; `self` may be NULL where it says
 * so.
 */
#pragma once

#include <glib.h>

/* As FileDescriptorStoreMax= in the unit. All names together are one word of the next process's
 * environment, LISTEN_FDNAMES, and the kernel has no room for one of 128 KiB (MAX_ARG_STRLEN): with
 * more than that no bailiffd could be started any more. */
#define FD_STORE_MAX 2048u
#define FD_STORE_NAME_MAX 60u

typedef enum FdStoreKind {
    FD_STORE_PROCESS,  /* one of many: for lack of room it is not kept by systemd */
    FD_STORE_WATCHDOG, /* for this there is always room */
    FD_STORE_EXEC,     /* not for systemd: only a program that is executed anew gets it */
} FdStoreKind;

typedef struct FdStore FdStore;

/* `inherited`: what fd_store_pass_on() of the program before gave, or -1; taken over. Takes what
 * systemd gives out of the environment (LISTEN_FDS, sd_listen_fds(3)), so call it before other
 * programs are started. Tells systemd by NOTIFY_SOCKET; without that it is told nothing. */
FdStore *fd_store_new(int inherited);
/* What is in systemd's store stays there. */
void fd_store_free(FdStore *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FdStore, fd_store_free)

/* There is a systemd that may have duplicates of what is kept, so that closing a descriptor is not
 * its last close. FALSE for NULL. */
gboolean fd_store_is_shared(FdStore *self);

/* Keeps a duplicate of `fd` until the name is dropped. Names: letters, digits and "-._" only, of
 * FD_STORE_NAME_MAX bytes at most, or it is kept as FD_STORE_EXEC. What was taken under this name
 * is what is kept; else nothing when the name is kept already. `self` may be NULL. */
void fd_store_keep(FdStore *self, const char *name, int fd, FdStoreKind kind);
/* Not kept any more, here and at systemd, which closes its duplicate when it comes to it. Before
 * the caller closes his own, where it counts who closes last. `self` may be NULL. */
void fd_store_drop(FdStore *self, const char *name);

/* Names of what was given at the start and that nobody has taken; owned. */
GStrv fd_store_list_given(FdStore *self);
/* What was given under this name: a descriptor of the caller's own, close-on-exec; -1: nothing. Who
 * finds that it is what it should be keeps it, else he drops it. `self` may be NULL. */
int fd_store_take(FdStore *self, const char *name);
/* The path of what was given under this name, as the kernel knows it; owned. NULL: nothing was, or
 * it has none. `self` may be NULL. */
char *fd_store_find_path(FdStore *self, const char *name);
/* What was given and is not kept by now nobody wants: it is dropped. */
void fd_store_settle(FdStore *self);

/* All that is kept stays open in a program that is executed instead of this one, which is given the
 * answer as its `inherited`: a descriptor, owned; -1 with an error (IoError). Until
 * fd_store_take_back(), when it came to nothing. */
int fd_store_pass_on(FdStore *self, GError **error);
void fd_store_take_back(FdStore *self);
