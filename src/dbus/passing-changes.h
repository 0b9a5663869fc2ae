/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes that are announced only when they last. A resource is `releasing` for some milliseconds
 * and then gone: with a hundred releases in a second nobody needs a signal for each beginning and
 * another one for each end, and each takes longer to send than to decide.
 */
#pragma once

#include <gio/gio.h>

/* Then it is announced, and before twice as long. */
#define PASSING_CHANGE_MS 100u

typedef struct PassingChanges PassingChanges;
typedef void (*PassingChangesAnnounce)(gpointer user_data, GDBusInterfaceSkeleton *interface);

PassingChanges *passing_changes_new(PassingChangesAnnounce announce, gpointer user_data);
void passing_changes_free(PassingChanges *self);

/* Keeps a reference until it is announced or removed. */
void passing_changes_add(PassingChanges *self, GDBusInterfaceSkeleton *interface);
/* Nothing if it is not there. */
void passing_changes_remove(PassingChanges *self, GDBusInterfaceSkeleton *interface);
