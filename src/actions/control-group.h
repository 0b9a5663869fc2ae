/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A control group of the unified hierarchy (cgroup v2) below its root: whether any process lives in
 * it or in a group below it, and how to end them all.
 *
 * A path may come from another service and is not trusted: nothing outside the hierarchy is opened,
 * and no group that holds this daemon or process 1. What is open is one group: another one that is
 * made later under the same name is not it.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct ControlGroup ControlGroup;

typedef struct ControlGroupState {
    gboolean gone; /* the group itself was removed, which only an empty one can be */
    /* A process lives in it or below. It is counted until its last I/O has ended, as with a pidfd.
     * Also TRUE when nothing can be known. */
    gboolean populated;
    gboolean frozen; /* every process in it and below stands still */
} ControlGroupState;

typedef void (*ControlGroupChanged)(gpointer user_data);

/* `path` as systemd tells it: "/system.slice/a.service", relative to the hierarchy's root. NotFound
 * when there is no such group; Unsupported when it is the root, or no path of a group, or holds the
 * daemon or process 1, or there is no unified hierarchy; IoError when that cannot be told, or the
 * group may not be written to. */
ControlGroup *control_group_open(const char *path, GError **error);
/* Ends the watch, too. NULL is ignored. */
void control_group_free(ControlGroup *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ControlGroup, control_group_free)

const char *control_group_get_path(const ControlGroup *self);

ControlGroupState control_group_read(ControlGroup *self);

/* Calls back from the main loop when its state may be another one, until it is gone. Once for a
 * group. The callback may free it. */
void control_group_watch(ControlGroup *self, ControlGroupChanged callback, gpointer user_data);

/* SIGKILL to every process in it and below, also to one that is being made. FALSE with an error
 * when it could not be done, or (Busy, only with kernels before 5.14) not for all yet. */
gboolean control_group_kill(ControlGroup *self, GError **error);

/* A signal to every process in it and below, once to each; also to those that are made meanwhile,
 * but a group that goes on making some faster than they are found is given up (Busy). */
gboolean control_group_signal(ControlGroup *self, int signal_number, GError **error);

/* The open file cgroup.kill, the group's own; -1 when the kernel has none. */
int control_group_get_kill_fd(const ControlGroup *self);

/* TRUE when the process that has this number now is in the group at `path` or below. An error
 * (NotFound, IoError) when that cannot be read. */
gboolean control_group_path_holds(const char *path, pid_t pid, gboolean *ret, GError **error);

/* For tests. The mount point of the whole unified hierarchy in the text of /proc/self/mountinfo;
 * NULL when there is none. */
char *control_group_find_mount(const char *mountinfo);
/* "/a/b": begins with a slash, has components, none of them empty, "." or ".." */
gboolean control_group_path_is_valid(const char *path);
