/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon keeps its deadlines when memory and processors are scarce, as far as it is allowed to.
 */
#pragma once

#include <glib.h>

/* To be called once, before there are threads and what they use; the outcome is logged. */
void real_time_begin(gboolean wanted);
