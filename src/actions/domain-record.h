/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a held record says of a domain, for a later bailiffd:
 * bailiff_domain_target_record_has_ended() reads it.
 */
#pragma once

#include <glib.h>

#include "common/process-identity.h"

/* `process` cleared: none was found yet. */
void domain_record_fill(GKeyFile *file, const char *group, const char *uuid, const char *name,
                        const char *run_dir, const ProcessIdentity *process);
