/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mode of a lease, as a caller writes it.
 */
#pragma once

#include "engine/resource.h"

/* "exclusive" or "shared"; InvalidArgument for any other word. */
gboolean lease_mode_parse(const char *word, ResourceMode *ret, GError **error);
