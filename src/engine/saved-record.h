/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the saved state of lockspaces and of resources has in common: records as they are on disk,
 * in hexadecimal digits, and names of files.
 */
#pragma once

#include <glib.h>

#include "ondisk/ballot-record.h"
#include "ondisk/leader-record.h"

void saved_leader_set(GKeyFile *file, const char *group, const char *key,
                      const LeaderRecord *record);
gboolean saved_leader_get(GKeyFile *file, const char *group, const char *key, LeaderRecord *ret);

/* As runtime_text_add_bytes(). */
void saved_leader_add(GString *text, const char *key, const LeaderRecord *record);
void saved_ballot_add(GString *text, const char *key, const BallotRecord *record);
gboolean saved_ballot_get(GKeyFile *file, const char *group, const char *key, BallotRecord *ret);

/* The names (runtime_file_name_of) of the files of a directory, NULL-terminated. */
char **saved_names_list(const char *directory);
/* FALSE: it is there, and cannot be listed (no descriptors are left, say). That is no empty one. */
gboolean saved_names_can_be_listed(const char *directory);
