/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The settings of a lockspace record as people write them, KEY=VALUE, by the words of its file; and
 * as Record.Edit() takes them.
 */
#pragma once

#include "ctl/bus-client.h"

/* Their names, with NULL at the end. */
const char *const *record_keys(void);

/* Adds one to the changes that Edit() gets. Keys in either case, offsets also with K, M or G.
 * Errors: CTL_ERROR, usage. */
gboolean record_change_add(GVariantDict *changes, const char *key, const char *value,
                           GError **error);

/* The record as the text of a file, for an editor. */
char *record_text(BailiffBusRecord *record);

/* What a text says, all of it; a{sv}, floating. NULL with CTL_ERROR. */
GVariant *record_text_parse(const char *text, GError **error);

/* "auto", "auto (3)", "3". */
char *record_host_id_text(BailiffBusRecord *record);
