/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One bailiffd in a runtime directory at a time: a lock on the file `lock` in it.
 *
 * The kernel takes the lock away when the last of a process has ended, which is after the last of
 * its I/O: a daemon that was killed with I/O out to storage that hangs keeps it until the storage
 * answers. So who has the lock knows that nothing of an earlier daemon can land any more. Whether
 * one that has it lives, or is on its way out, the kernel says, too.
 *
 * The kernel's lock is one on the inode, so that it says nothing of a copy of the directory, put in
 * its place or elsewhere, where what the daemon holds is written down as well. So the file also
 * tells who has it and which inode that was: where the inode is another one the daemon that is
 * named must be gone, by its process id, start time and boot. And a daemon whose own file is not in
 * its place any more begins nothing new: what it writes down there is not, or not only, its own
 * (instance_lock_is_in_place()). That its directory is replaced by one without that file is only
 * noticed by itself, and by the second one when it wants the bus name.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct InstanceLock InstanceLock;

typedef enum InstanceState {
    INSTANCE_NONE,   /* nobody else has it */
    INSTANCE_RUNS,   /* somebody has */
    INSTANCE_ENDING, /* somebody who will never run again, but has not ended */
} InstanceState;

/* IoError. Does not take it yet. */
InstanceLock *instance_lock_new(const char *runtime_dir, GError **error);
/* Of the program that has executed this one; the descriptors are taken over. */
InstanceLock *instance_lock_inherit(int fd, int next_fd, const char *runtime_dir);
void instance_lock_free(InstanceLock *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(InstanceLock, instance_lock_free)

/* Takes it if it is free, and nobody else is next; TRUE when it is ours. Never blocks. */
gboolean instance_lock_take(InstanceLock *self);

/* FALSE: the directory, or the file in it, was replaced since it was opened. */
gboolean instance_lock_is_in_place(InstanceLock *self);

/* Who has it, when we have not. *ret_pid: 0 when that is not known. */
InstanceState instance_lock_look(InstanceLock *self, pid_t *ret_pid);

/* Of those that come after one that ends only one may wait for it. FALSE: another one does.
 * TRUE: it is ours to take; who was next before may have taken it meanwhile, so look again. Whoever
 * has the lock can see that somebody is next. */
gboolean instance_lock_take_next(InstanceLock *self);
/* FALSE: it stays, since the one who has the lock may have counted on it already, and ends. */
gboolean instance_lock_is_next_no_more(InstanceLock *self);

/* For who has the lock: somebody is next, for now. */
gboolean instance_lock_has_next(InstanceLock *self);
/* The same in the last moment, after instance_lock_has_next(). TRUE: who is next waits for our end,
 * unless it is killed. FALSE: there is nobody. */
gboolean instance_lock_leave_to_next(InstanceLock *self);

/* It stays ours over an exec, or it stays ours to take: the numbers are for
 * instance_lock_inherit().
 * `*ret_next_fd` -1: it was taken. */
int instance_lock_keep(InstanceLock *self, int *ret_next_fd);
/* There was no exec. */
void instance_lock_keep_no_more(InstanceLock *self);
