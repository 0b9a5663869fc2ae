/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this host's releases have left behind (lease/resource-lease.h), for the next acquisition of
 * the same resource at the same place. Belongs to one host lease; for the main loop.
 */
#pragma once

#include "blockio/block-device.h"
#include "lease/resource-lease.h"

typedef struct RemainsTable RemainsTable;

RemainsTable *remains_table_new(void);
void remains_table_free(RemainsTable *self);

/* Only good ones are kept; others take away what was known. */
void remains_table_put(RemainsTable *self, const char *resource, const BlockDevice *device,
                       guint64 offset, const ResourceRemains *remains);

/* What was put, once; not good when there is nothing. */
ResourceRemains remains_table_take(RemainsTable *self, const char *resource,
                                   const BlockDevice *device, guint64 offset);
