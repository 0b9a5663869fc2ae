/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What bailiffd goes on doing by a lockspace record when a join has failed.
 */
#pragma once

#include "ctl/bus-client.h"

/* Says on standard error, below the error that was reported, where the record of that name lies and
 * whether it is joined later by itself. There is none: says so if `wanted`, else nothing. */
void record_outlook_tell(BusClient *client, const char *name, gboolean wanted);
