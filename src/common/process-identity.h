/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which process: a pidfd, and what the kernel says of it. A bare pid is never trusted: it is
 * reused.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct ProcessIdentity {
    int pidfd;          /* owned; -1 when cleared */
    pid_t pid;          /* as this daemon's pid namespace numbers it */
    guint64 start_time; /* clock ticks after boot: field 22 of /proc/PID/stat */
    uid_t uid;          /* effective user at the time of the look */
    gboolean one_user;  /* its real, saved and file system users were the same */
    char comm[16 + 1];  /* the kernel's short name for it */
} ProcessIdentity;

/* From a pidfd, which is taken over on success only. NotFound when the process has ended,
 * InvalidArgument when `pidfd` is none. The facts are read from /proc and are true of this very
 * process: it is checked to be alive after they were read. */
gboolean process_identity_from_pidfd(ProcessIdentity *ret, int pidfd, GError **error);

/* From a number. `expected_start_time` 0: not checked; else NotFound when it is another process by
 * now. */
gboolean process_identity_from_pid(ProcessIdentity *ret, pid_t pid, guint64 expected_start_time,
                                   GError **error);

void process_identity_clear(ProcessIdentity *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProcessIdentity, process_identity_clear)

/* True once the process has ended: the pidfd is readable. A zombie leader with living threads has
 * not. */
gboolean process_identity_has_ended(const ProcessIdentity *self);

/* Signals by pidfd. FALSE with NotFound when it has ended. */
gboolean process_identity_signal(const ProcessIdentity *self, int signal_number, GError **error);

/* The kernel's id of this boot, 36 characters; NULL with an error when it cannot be read. */
char *process_boot_id(GError **error);
