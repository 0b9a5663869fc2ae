/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What unit targets and actions ask of systemd, and what it tells them by itself.
 *
 * It may be absent, hang, or answer late. Every call ends for its caller at its limit (`until_us`,
 * CLOCK_BOOTTIME) or when it is cancelled; what was asked may still be carried out then. All calls
 * go over one connection, so that a later one is not carried out before an earlier one.
 *
 * Errors of all calls: NotFound (systemd has no such unit), NotAuthorized, IoTimeout (no answer at
 * the limit), IoError (it is not there, has gone meanwhile, or refuses, with its own words), or
 * G_IO_ERROR_CANCELLED.
 */
#pragma once

#include "actions/systemd.h"

typedef struct SystemdWatch SystemdWatch;
typedef void (*SystemdWatchFunc)(gpointer user_data);

/* While one exists, systemd tells changes. Calls back when those of the unit at its path did change
 * or may have (systemd came, or went). */
SystemdWatch *systemd_watch_new(BailiffSystemd *systemd, SystemdWatchFunc callback,
                                gpointer user_data);
/* The unit's object path; none is watched before. */
void systemd_watch_set_path(SystemdWatch *self, const char *path);
/* Also from inside its callback. NULL is ignored. */
void systemd_watch_free(SystemdWatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SystemdWatch, systemd_watch_free)

/* A method of the Manager. A floating `parameters` is taken over; `reply_type` is the answer's. */
void systemd_call_async(BailiffSystemd *systemd, const char *method, GVariant *parameters,
                        const GVariantType *reply_type, guint64 until_us, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data);
/* The same of the unit at `path`: a method of org.freedesktop.DBus.Properties. */
void systemd_call_unit_async(BailiffSystemd *systemd, const char *path, const char *method,
                             GVariant *parameters, const GVariantType *reply_type, guint64 until_us,
                             GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer user_data);
GVariant *systemd_call_finish(GAsyncResult *result, GError **error);

/* StartUnit or StopUnit with mode "replace", and the end of its job. The result is the job's, in
 * systemd's words: "done", "canceled", "timeout", "failed", "dependency", "skipped" (full). */
void systemd_run_job_async(BailiffSystemd *systemd, const char *method, const char *unit,
                           guint64 until_us, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data);
char *systemd_run_job_finish(GAsyncResult *result, GError **error);
/* A job's result for people: "unknown" when it is none of systemd's words. */
const char *systemd_job_word(const char *result);

/* What systemd says of a unit. */
typedef struct SystemdUnit {
    char *id;            /* the real name, when it was asked for by an alias */
    char *load_state;    /* "loaded", "not-found", "masked", ... */
    char *active_state;  /* "active", "activating", "inactive", "failed", ... */
    gboolean has_job;    /* something is to be done to it, or under way */
    char *control_group; /* "" when it has none */
    guint32 main_pid;    /* of a service; 0: none */
} SystemdUnit;

void systemd_unit_free(SystemdUnit *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SystemdUnit, systemd_unit_free)

/* TRUE when no process of it is about to be started: inactive or failed, without a job. */
gboolean systemd_unit_is_at_rest(const SystemdUnit *self);

/* Reads it. `name`: valid, for its type. */
void systemd_read_unit_async(BailiffSystemd *systemd, const char *name, const char *path,
                             guint64 until_us, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data);
SystemdUnit *systemd_read_unit_finish(GAsyncResult *result, GError **error);
