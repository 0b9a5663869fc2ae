/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A watchdog device for a test: starts pseudo-watchdog.c and reads its log.
 */
#pragma once

#include <glib.h>

typedef struct PseudoDevice {
    char *directory;
    char *path; /* of the device */
    char *log_path;
    GSubprocess *process;
} PseudoDevice;

/* One line of the log. */
typedef struct PseudoEvent {
    guint64 time_us; /* CLOCK_BOOTTIME */
    char name[16];
    guint seconds; /* of settimeout */
} PseudoEvent;

/* Why there can be none here; NULL: there can. */
static inline const char *pseudo_device_missing(void)
{
    if (g_getenv("PSEUDO_WATCHDOG") == NULL)
        return "pseudo-watchdog was not built: there is no libfuse3-dev";
    return access("/dev/fuse", R_OK | W_OK) != 0 ? "/dev/fuse cannot be opened" : NULL;
}

/* (element-type PseudoEvent) the whole log. */
static inline GArray *pseudo_device_read(PseudoDevice *self)
{
    GArray *events = g_array_new(FALSE, TRUE, sizeof(PseudoEvent));
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (g_file_get_contents(self->log_path, &text, NULL, NULL))
        lines = g_strsplit(text, "\n", -1);
    /* What comes after the last newline is not whole yet. */
    for (guint i = 0; lines != NULL && lines[i] != NULL && lines[i + 1] != NULL; i++) {
        PseudoEvent event = { 0 };

        sscanf(lines[i], "%" G_GUINT64_FORMAT " %15s %u", &event.time_us, event.name,
               &event.seconds);
        g_array_append_val(events, event);
    }
    return events;
}

/* How often it happened. */
static inline guint pseudo_device_count(PseudoDevice *self, const char *name)
{
    g_autoptr(GArray) events = pseudo_device_read(self);
    guint count = 0;

    for (guint i = 0; i < events->len; i++)
        count += g_str_equal(g_array_index(events, PseudoEvent, i).name, name) ? 1 : 0;
    return count;
}

/* When it fires as it is set at the end of the log; 0: it is stopped. */
static inline guint64 pseudo_device_fires_at(PseudoDevice *self)
{
    g_autoptr(GArray) events = pseudo_device_read(self);
    guint64 fires_us = 0;
    guint timeout = 60;

    for (guint i = 0; i < events->len; i++) {
        const PseudoEvent *event = &g_array_index(events, PseudoEvent, i);

        timeout = g_str_equal(event->name, "settimeout") ? event->seconds : timeout;
        fires_us = g_str_equal(event->name, "stop") ? 0
                   : g_str_equal(event->name, "ready")
                       ? 0
                       : event->time_us + timeout * G_GUINT64_CONSTANT(1000000);
    }
    return fires_us;
}

/* `setting`: see pseudo-watchdog.c; NULL: a good one. */
static inline PseudoDevice *pseudo_device_new(const char *setting)
{
    PseudoDevice *self = g_new0(PseudoDevice, 1);
    g_autoptr(GError) error = NULL;

    self->directory = g_dir_make_tmp("bailiff-watchdog-XXXXXX", &error);
    g_assert_no_error(error);
    self->path = g_build_filename(self->directory, "watchdog", NULL);
    self->log_path = g_build_filename(self->directory, "log", NULL);
    g_assert_true(g_file_set_contents(self->path, "", 0, NULL));
    self->process = g_subprocess_new(G_SUBPROCESS_FLAGS_NONE, &error, g_getenv("PSEUDO_WATCHDOG"),
                                     self->path, self->log_path, setting, NULL);
    g_assert_no_error(error);
    WAIT_FOR(pseudo_device_count(self, "ready") == 1);
    return self;
}

static inline void pseudo_device_free(PseudoDevice *self)
{
    g_subprocess_send_signal(self->process, SIGTERM);
    g_subprocess_wait(self->process, NULL, NULL);
    g_object_unref(self->process);
    unlink(self->path);
    unlink(self->log_path);
    rmdir(self->directory);
    g_free(self->directory);
    g_free(self->path);
    g_free(self->log_path);
    g_free(self);
}
