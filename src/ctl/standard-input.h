/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All of the standard input, up to a bound.
 */
#pragma once

#include <glib.h>

/* To its end. More than `maximum` bytes are an error of usage with this cure. */
GBytes *standard_input_read(gsize maximum, const char *too_long_cure, GError **error);
