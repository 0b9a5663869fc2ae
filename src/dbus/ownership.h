/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is a caller's own: what it has registered, and what only that holds.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* `interface`: the skeleton of an object of ours. FALSE also for a resource that nobody holds: an
 * orphan is nobody's. TRUE for what belongs to nobody in particular (a lockspace). */
gboolean object_belongs_to(gpointer interface, uid_t uid);
