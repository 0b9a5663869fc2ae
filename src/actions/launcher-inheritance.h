/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a daemon that executes itself anew passes on of its launcher: a key file in memory that has
 * no name (there may be thousands of programs, too many for the environment), and descriptors. Both
 * cross the execve(), and nothing else ever sees them.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "actions/launcher-link.h"

typedef struct InheritedProgram {
    guint64 id;
    char *path;
    char *log_prefix; /* may be NULL */
    guint64 registration;
    guint step;
    uid_t uid;
    guint64 until_us;
    int output_fd; /* -1: nobody waits for its end */
} InheritedProgram;

typedef struct LauncherInheritance {
    LauncherHandle launcher;
    guint64 last_id;
    GPtrArray *programs; /* of InheritedProgram */
    gboolean is_owner;   /* of its descriptors, all that are not -1 */
    int fd;              /* of the key file; -1: there is none */
} LauncherInheritance;

LauncherInheritance *launcher_inheritance_new(void);
void launcher_inheritance_free(LauncherInheritance *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LauncherInheritance, launcher_inheritance_free)

/* A copy; its descriptor is borrowed. */
void launcher_inheritance_add(LauncherInheritance *self, const InheritedProgram *program);

/* The word for launcher_inheritance_take() in the next program (owned), from which on descriptors
 * stay open over an execve(), until launcher_inheritance_keep(). NULL when there is no memory. */
char *launcher_inheritance_give(LauncherInheritance *self);
void launcher_inheritance_keep(LauncherInheritance *self);

/* In the next program: its owner. NULL when it makes no sense. */
LauncherInheritance *launcher_inheritance_take(const char *word);
