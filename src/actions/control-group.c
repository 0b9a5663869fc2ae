/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding control groups, and what the kernel says of them.
 *
 * The hierarchy is opened from its mount point downwards, one component after the other, none of
 * them a symbolic link, and what was found is asked whether it is a cgroup2 file system.
 * Descriptors of a group that was removed stay dead (ENODEV), whatever is made under its name
 * later.
 */
#include "actions/control-group-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/bailiff-error.h"

#define CURE_UNIFIED                                                                               \
    "Boot with the unified control group hierarchy (cgroup v2), or register processes instead."
#define CURE_PROC "Let the daemon see all processes in /proc (mount option hidepid)."

/* Longer is no path that the kernel gives out. */
#define PATH_BYTES_MAX 4096u
/* The file has two short lines. */
#define EVENTS_BYTES_MAX 512

gboolean control_group_path_is_valid(const char *path)
{
    g_auto(GStrv) parts = NULL;

    if (path == NULL || path[0] != '/' || strlen(path) >= PATH_BYTES_MAX)
        return FALSE;
    /* A line end would make another line of /proc/PID/cgroup; the kernel allows none either. */
    for (const char *c = path; *c != '\0'; c++)
        if (g_ascii_iscntrl(*c))
            return FALSE;
    parts = g_strsplit(path + 1, "/", -1);
    for (guint i = 0; parts[i] != NULL; i++)
        if (parts[i][0] == '\0' || strcmp(parts[i], ".") == 0 || strcmp(parts[i], "..") == 0)
            return FALSE;
    return parts[0] != NULL;
}

/* A line: ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS. A mount of
 * a part only (ROOT) has other paths than those that systemd and /proc tell. */
char *control_group_find_mount(const char *mountinfo)
{
    static const char *const usual[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified", NULL };
    g_auto(GStrv) lines = g_strsplit(mountinfo, "\n", -1);
    g_autofree char *found = NULL;

    for (guint i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) fields = g_strsplit(lines[i], " ", -1);
        guint n = g_strv_length(fields);
        guint dash = 6;

        while (dash < n && strcmp(fields[dash], "-") != 0)
            dash++;
        if (dash + 1 >= n || strcmp(fields[dash + 1], "cgroup2") != 0 ||
            strcmp(fields[3], "/") != 0)
            continue;
        if (found == NULL || g_strv_contains(usual, fields[4])) {
            g_free(found);
            found = g_strcompress(fields[4]); /* blanks are written as \040 */
        }
    }
    return g_steal_pointer(&found);
}

static int open_mount(GError **error)
{
    g_autofree char *mountinfo = NULL;
    g_autofree char *mount = NULL;
    int fd;

    if (g_file_get_contents("/proc/self/mountinfo", &mountinfo, NULL, NULL))
        mount = control_group_find_mount(mountinfo);
    if (mount == NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED, CURE_UNIFIED,
                          "No unified control group hierarchy is mounted.");
        return -1;
    }
    fd = open(mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        int saved_errno = errno;

        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "Let the daemon see the hierarchy.",
                          "The control group hierarchy at %s cannot be opened: %s.", mount,
                          g_strerror(saved_errno));
    }
    return fd;
}

/* The directory of a group. `path` is valid. */
static int open_directory(const char *path, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(path + 1, "/", -1);
    struct statfs fs;
    int fd = open_mount(error);

    for (guint i = 0; fd >= 0 && parts[i] != NULL; i++) {
        int next = openat(fd, parts[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int saved_errno = errno;

        close(fd);
        fd = next;
        if (next >= 0)
            continue;
        if (saved_errno == ENOENT || saved_errno == ENODEV)
            bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, "Start what is to run in it.",
                              "There is no control group %s.", path);
        else
            bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                              "See that it is a control group, and the daemon's limit on open "
                              "files.",
                              "The control group %s cannot be opened: %s.", path,
                              g_strerror(saved_errno));
    }
    if (fd >= 0 && (fstatfs(fd, &fs) != 0 || fs.f_type != CGROUP2_SUPER_MAGIC)) {
        close(fd);
        bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED, CURE_UNIFIED,
                          "%s is not in the unified control group hierarchy.", path);
        return -1;
    }
    return fd;
}

/* The files through which the group is watched and killed. */
static gboolean open_files(ControlGroup *self, GError **error)
{
    int saved_errno;

    self->events_fd = openat(self->dir_fd, "cgroup.events", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (self->events_fd >= 0) {
        self->kill_fd = openat(self->dir_fd, "cgroup.kill", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        if (self->kill_fd >= 0)
            return TRUE;
    }
    saved_errno = errno;
    /* Removed meanwhile, or an old kernel: only the first has no cgroup.events either. */
    if (saved_errno == ENOENT || saved_errno == ENODEV) {
        if (self->events_fd >= 0 && !control_group_read(self).gone)
            return TRUE;
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, "Start what is to run in it.",
                          "The control group %s was removed.", self->path);
    } else {
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                          "Let the daemon write to control groups (as root, and without "
                          "ProtectControlGroups= in its unit).",
                          "The files of control group %s cannot be opened: %s.", self->path,
                          g_strerror(saved_errno));
    }
    return FALSE;
}

ControlGroup *control_group_open(const char *path, GError **error)
{
    g_autoptr(ControlGroup) self = NULL;

    if (!control_group_path_is_valid(path)) {
        bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED,
                          "Register what has a control group of its own.",
                          "It has no control group that could be used.");
        return NULL;
    }
    if (!control_group_path_is_harmless(path, error))
        return NULL;
    self = g_new0(ControlGroup, 1);
    self->path = g_strdup(path);
    self->events_fd = -1;
    self->kill_fd = -1;
    self->dir_fd = open_directory(path, error);
    if (self->dir_fd < 0 || !open_files(self, error))
        return NULL;
    return g_steal_pointer(&self);
}

void control_group_free(ControlGroup *self)
{
    if (self == NULL)
        return;
    g_clear_handle_id(&self->watch_id, g_source_remove);
    if (self->kill_fd >= 0)
        close(self->kill_fd);
    if (self->events_fd >= 0)
        close(self->events_fd);
    if (self->dir_fd >= 0)
        close(self->dir_fd);
    g_free(self->path);
    g_free(self);
}

const char *control_group_get_path(const ControlGroup *self)
{
    return self->path;
}

int control_group_get_kill_fd(const ControlGroup *self)
{
    return self->kill_fd;
}

/* FALSE for whatever is not a line "KEY VALUE". */
static gboolean has_line(const char *text, const char *line)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    return g_strv_contains((const char *const *)lines, line);
}

ControlGroupState control_group_read(ControlGroup *self)
{
    char text[EVENTS_BYTES_MAX + 1];
    ssize_t n;

    do
        n = pread(self->events_fd, text, sizeof text - 1, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == ENODEV)
        return (ControlGroupState){ .gone = TRUE };
    text[MAX(n, 0)] = '\0';
    return (ControlGroupState){
        .populated = !has_line(text, "populated 0"),
        .frozen = has_line(text, "frozen 1"),
    };
}

/* Reading takes the event back; a group that is gone would report it for ever. */
static gboolean on_events(int fd, GIOCondition condition, gpointer user_data)
{
    ControlGroup *self = user_data;
    gboolean stay = !control_group_read(self).gone;

    if (!stay)
        self->watch_id = 0;
    self->changed(self->user_data);
    return stay;
}

void control_group_watch(ControlGroup *self, ControlGroupChanged callback, gpointer user_data)
{
    g_return_if_fail(self->changed == NULL);

    self->changed = callback;
    self->user_data = user_data;
    self->watch_id = g_unix_fd_add(self->events_fd, G_IO_PRI, on_events, self);
}

/* The line "0::PATH". A group that was removed while a process ended in it has " (deleted)" there,
 * and never holds a process that lives. */
gboolean control_group_path_holds(const char *path, pid_t pid, gboolean *ret, GError **error)
{
    g_autofree char *file = g_strdup_printf("/proc/%d/cgroup", (int)pid);
    g_autofree char *text = NULL;
    g_autoptr(GError) local_error = NULL;
    g_auto(GStrv) lines = NULL;
    gsize length = strlen(path);

    if (!g_file_get_contents(file, &text, NULL, &local_error)) {
        /* ESRCH, when it ends while it is read, is "failed" to GLib. */
        gboolean ended = g_error_matches(local_error, G_FILE_ERROR, G_FILE_ERROR_NOENT) ||
                         g_error_matches(local_error, G_FILE_ERROR, G_FILE_ERROR_FAILED);

        bailiff_set_error(error, ended ? BAILIFF_ERROR_NOT_FOUND : BAILIFF_ERROR_IO_ERROR,
                          CURE_PROC, "%s cannot be read.", file);
        return FALSE;
    }
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        if (!g_str_has_prefix(lines[i], "0::"))
            continue;
        *ret = strncmp(lines[i] + 3, path, length) == 0 &&
               (lines[i][3 + length] == '\0' || lines[i][3 + length] == '/');
        return TRUE;
    }
    bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED, CURE_UNIFIED,
                      "Process %d is in no unified control group.", (int)pid);
    return FALSE;
}

gboolean control_group_path_is_harmless(const char *path, GError **error)
{
    const pid_t spared[] = { getpid(), 1 };

    for (guint i = 0; i < G_N_ELEMENTS(spared); i++) {
        gboolean holds;

        if (!control_group_path_holds(path, spared[i], &holds, error))
            return FALSE;
        if (holds) {
            bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED,
                              "Run it in a control group that the daemon is not in.",
                              "The control group %s holds %s, which must not be killed.", path,
                              i == 0 ? "this daemon" : "process 1");
            return FALSE;
        }
    }
    return TRUE;
}
