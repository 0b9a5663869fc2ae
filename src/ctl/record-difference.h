/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of a lockspace record does not count yet, since its lockspace was joined otherwise.
 */
#pragma once

#include "ctl/bus-client.h"

/* Prints what of the record of that name, or of all (NULL), counts from the next join only: the
 * keys as they stand in the file. Asks bailiffd anew. */
gboolean record_difference_tell(BusClient *client, const char *name, GError **error);
