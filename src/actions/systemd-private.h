/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files that talk to systemd share.
 */
#pragma once

#include "actions/systemd-calls.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER SYSTEMD_NAME ".Manager"
#define SYSTEMD_UNIT SYSTEMD_NAME ".Unit"

struct _BailiffSystemd {
    GObject parent_instance;

    GDBusConnection *bus; /* NULL: none */
    guint n_users;        /* watches and jobs: while there are any, systemd is listened to */
    guint name_watch;
    guint job_subscription;
    guint change_subscription;
    GList *watches; /* of SystemdWatch, borrowed */
    GList *jobs;    /* of SystemdJob */
    /* Object path of a job -> its result: what ended while its call was out. */
    GHashTable *ended_jobs;
};

/* Listens to systemd while it is used by anybody. */
void systemd_use(BailiffSystemd *self);
void systemd_unuse(BailiffSystemd *self);

GError *systemd_make_absent(void);

/* systemd tells the end of a job; it came or went, so that the ends of jobs may go untold. */
void systemd_job_ended(BailiffSystemd *self, const char *path, const char *unit,
                       const char *result);
void systemd_jobs_lost(BailiffSystemd *self);
