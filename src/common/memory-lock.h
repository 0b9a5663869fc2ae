/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that is not paged out: what has to run while storage hangs must not wait for storage.
 */
#pragma once

#include <glib.h>

/* Locks everything that is in memory, from now on whatever comes into it, and the program with its
 * libraries, which are read for that. NotAuthorized or IoError with nothing locked. Children have nothing of it. */
gboolean memory_lock_begin(GError **error);
