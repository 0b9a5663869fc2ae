/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What finding a control group and ending its processes share.
 */
#pragma once

#include "actions/control-group.h"

struct ControlGroup {
    char *path;
    int dir_fd;
    int events_fd; /* cgroup.events */
    int kill_fd;   /* cgroup.kill; -1: the kernel has none */
    guint watch_id;
    ControlGroupChanged changed;
    gpointer user_data;
};

/* Neither this daemon nor process 1 is in the group at `path` or below. */
gboolean control_group_path_is_harmless(const char *path, GError **error);
