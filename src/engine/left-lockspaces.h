/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which lockspaces with a record somebody has left, in the runtime directory: a bailiffd that goes
 * on for one that crashed, or was replaced, does not join them again. One that was stopped and is
 * started, or that starts with the host, does.
 */
#pragma once

#include <glib.h>

/* (element-type utf8) set of names; empty when nothing is known, which is said when it should be.
 */
GHashTable *left_lockspaces_load(const char *runtime_dir);

/* Says it when it cannot be written. */
void left_lockspaces_store(const char *runtime_dir, GHashTable *names);
