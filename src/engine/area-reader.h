/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads of resource areas, of which only what lease/area-plan.h asks for is fetched.
 *
 * An AreaReader belongs to one host lease (to its LeaseSight) and keeps what is known of each
 * place. It is used in the thread of that lockspace's resource worker only, but for
 * area_reader_forget_all().
 *
 * While somebody reads areas, and the lockspace was last read so long ago that whole areas would
 * have to be read soon, the lockspace is read again, once for all.
 */
#pragma once

#include "engine/lease-worker.h"
#include "lease/hosts-ever.h"

typedef struct AreaReader AreaReader;
typedef struct LeaseSight LeaseSight;

typedef struct AreaRead {
    LeaseWorker *worker;
    LeaseSight *sight;
    BlockDevice *device; /* of the resource */
    guint64 offset;
    guint32 length; /* from the start of the area */
    guint64 timeout_us;
    BlockDevice *lockspace_device;
    guint64 lockspace_offset;
} AreaRead;

/* As AioCallback; started_us is that of the part that was begun first. `occupied`: the hosts whose
 * sectors in result->data have content; NULL unless AIO_OK. */
typedef void (*AreaCallback)(const AioResult *result, const guint8 *occupied, gpointer user_data);

AreaReader *area_reader_new(const Layout *layout, guint64 own_host_id);
void area_reader_free(AreaReader *self);

/* References are taken for as long as needed. The callback runs later, exactly once. */
void area_reader_read(AreaReader *self, const AreaRead *read, AreaCallback callback,
                      gpointer user_data);

/* Something of this process wrote areas as a whole: no reader knows anything any more. Any thread.
 */
void area_reader_forget_all(void);

/* Another number since the last area_reader_forget_all(). Any thread. */
gint area_reader_get_epoch(void);
