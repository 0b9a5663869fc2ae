/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all verbs about resource indexes begin with: PATH[:OFFSET] of the index, and its lockspace,
 * which must be joined.
 */
#pragma once

#include "ctl/bus-client.h"
#include "ctl/command-line.h"
#include "ctl/place-text.h"

/* For calls that may last as long as the daemon needs. */
#define INDEX_CALL_FLAGS G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, NULL

typedef struct IndexTarget {
    StoragePlace place;
    BusClient *client;
    BailiffBusLockspace *lockspace;
} IndexTarget;

/* From the first two arguments. */
gboolean index_target_open(IndexTarget *self, CommandLine *line, GError **error);
void index_target_clear(IndexTarget *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(IndexTarget, index_target_clear)

/* Where a resource lies, as other verbs take it: NAME@PATH:OFFSET; or as JSON. */
void index_target_print(const IndexTarget *self, CommandLine *line, const char *name,
                        guint64 resource_offset);

/* "resource-offset" t into `dict`, unless `text` (a size) is NULL. */
gboolean resource_offset_insert(GVariantDict *dict, const char *text, GError **error);
