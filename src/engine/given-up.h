/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases that a registration had to give up, and is to get again: which, and the version that this
 * host had won last.
 */
#pragma once

#include "engine/resource.h"

typedef struct GivenUp {
    char *lockspace;
    char *resource;
    char *path;
    guint64 offset;
    guint64 version; /* that this host won last */
    gboolean shared;
    gboolean persistent;
} GivenUp;

/* A list of GivenUp, which owns them. */
GPtrArray *given_up_list_new(void);

/* It is held now, and about to be given up: in the list once, as it is now. */
void given_up_list_note(GPtrArray *self, BailiffResource *resource);

/* In a record, a group for each; FALSE when what is there makes no sense. */
void given_up_list_save(const GPtrArray *self, GKeyFile *record);
gboolean given_up_list_load(GPtrArray *self, GKeyFile *record);
