/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sparse reads of resource areas.
 *
 * The parts of one read go out in one io_submit and count as one I/O: it began when the first of
 * them did, and it has worked when all have. The machine gets an area that is zero where nothing
 * was read: one such area for each reader, into which the parts are copied for the time of the
 * callback and wiped out after it. (To clear a MiB for each read would cost more than the read.)
 */
#include "engine/area-reader.h"

#include <string.h>

#include "blockio/storage-key.h"
#include "common/boottime.h"
#include "engine/lease-sight.h"
#include "lease/area-plan.h"
#include "lease/lease-timing.h"

/* What is known of more places than that is forgotten: they are read as a whole again. */
#define PLACES_MAX 16384u

/* The lockspace is read again when less than one part in this many of the time is left. */
#define REFRESH_PART 4u
/* After a read of the lockspace that did not work. */
#define REFRESH_PAUSE_US USEC_PER_SECOND

typedef struct Place {
    StorageKey storage;
    guint64 offset;
    AreaMemory memory;
    guint64 users; /* reads under way; they keep it in the table */
} Place;

struct AreaReader {
    Layout layout;
    guint64 own_host_id;
    GHashTable *places; /* Place → itself, owned */
    guint8 *blank;      /* an area of zeroes, but for the time of a callback */
    gint epoch;         /* of what is known: compared with forgotten_epoch */
    gboolean refreshing;
    guint64 refresh_after_us;
};

typedef struct AreaCall AreaCall;

typedef struct AreaCallPart {
    AreaCall *call;
    guint8 *bytes; /* owned; NULL while it is the only part */
} AreaCallPart;

struct AreaCall {
    AreaReader *reader;
    AreaRead read;
    AreaCallback callback;
    gpointer user_data;
    Place *place;
    AreaPlan plan;
    AreaCallPart parts[AREA_PARTS_MAX];
    guint left;
    gboolean answered;
    AioResult result;
};

static gint forgotten_epoch; /* atomic */

void area_reader_forget_all(void)
{
    g_atomic_int_inc(&forgotten_epoch);
}

gint area_reader_get_epoch(void)
{
    return g_atomic_int_get(&forgotten_epoch);
}

static guint place_hash(gconstpointer data)
{
    const Place *place = data;

    return storage_key_hash(&place->storage) ^ (guint)(place->offset / SECTOR_SIZE_MIN);
}

static gboolean place_equal(gconstpointer a, gconstpointer b)
{
    const Place *x = a, *y = b;

    return storage_key_equal(&x->storage, &y->storage) && x->offset == y->offset;
}

AreaReader *area_reader_new(const Layout *layout, guint64 own_host_id)
{
    AreaReader *self = g_new0(AreaReader, 1);

    self->layout = *layout;
    self->own_host_id = own_host_id;
    self->places = g_hash_table_new_full(place_hash, place_equal, g_free, NULL);
    self->epoch = g_atomic_int_get(&forgotten_epoch);
    return self;
}

void area_reader_free(AreaReader *self)
{
    g_hash_table_unref(self->places);
    g_free(self->blank);
    g_free(self);
}

/* --- what is known --------------------------------------------------------------------------- */

static gboolean forget_place(gpointer key, gpointer value, gpointer user_data)
{
    Place *place = value;

    place->memory = (AreaMemory){ 0 };
    return place->users == 0;
}

static Place *find_place(AreaReader *self, const AreaRead *read)
{
    const Place wanted = { .storage = { block_device_get_key_major(read->device),
                                        block_device_get_key_minor(read->device) },
                           .offset = read->offset };
    gint epoch = g_atomic_int_get(&forgotten_epoch);
    Place *place;

    if (epoch != self->epoch || g_hash_table_size(self->places) >= PLACES_MAX)
        g_hash_table_foreach_remove(self->places, forget_place, NULL);
    self->epoch = epoch;
    place = g_hash_table_lookup(self->places, &wanted);
    if (place == NULL) {
        place = g_memdup2(&wanted, sizeof wanted);
        g_hash_table_add(self->places, place);
    }
    return place;
}

/* --- the lockspace --------------------------------------------------------------------------- */

typedef struct Refresh {
    AreaReader *reader;
    LeaseWorker *worker;
    LeaseSight *sight;
} Refresh;

static void on_refreshed(const AioResult *result, gpointer user_data)
{
    Refresh *refresh = user_data;
    AreaReader *self = refresh->reader;

    self->refreshing = FALSE;
    if (result->status == AIO_OK)
        lease_sight_observe(refresh->sight, result->data, self->layout.align_size,
                            result->started_us, result->ended_us);
    else
        self->refresh_after_us = time_add(result->ended_us, REFRESH_PAUSE_US);
    lease_sight_unref(refresh->sight); /* the reader may go with it */
    lease_worker_unref(refresh->worker);
    g_free(refresh);
}

static void refresh_if_due(AreaReader *self, const AreaRead *read, const HostsEver *ever,
                           guint64 now_us)
{
    const AioRead wanted = { .device = read->lockspace_device,
                             .offset = read->lockspace_offset,
                             .length = self->layout.align_size,
                             .timeout_us = read->timeout_us };
    Refresh *refresh;

    if (self->refreshing || now_us < self->refresh_after_us ||
        time_add(now_us, ever->window_us / REFRESH_PART) < ever->good_until_us)
        return;
    self->refreshing = TRUE;
    refresh = g_new(Refresh, 1);
    *refresh = (Refresh){ self, lease_worker_ref(read->worker), lease_sight_ref(read->sight) };
    aio_queue_read(lease_worker_get_queue(read->worker), &wanted, on_refreshed, refresh);
}

/* --- a read ---------------------------------------------------------------------------------- */

static void on_part(const AioResult *result, gpointer user_data);

static void start_parts(AreaCall *call)
{
    call->left = call->plan.n_parts;
    call->answered = FALSE;
    for (unsigned i = 0; i < call->plan.n_parts; i++) {
        const AioRead read = { .device = call->read.device,
                               .offset = call->read.offset + call->plan.parts[i].offset,
                               .length = call->plan.parts[i].length,
                               .timeout_us = call->read.timeout_us };

        call->parts[i].call = call;
        aio_queue_read(lease_worker_get_queue(call->read.worker), &read, on_part, &call->parts[i]);
    }
}

static void call_end(AreaCall *call, const guint8 *occupied)
{
    call->place->users--;
    call->callback(&call->result, occupied, call->user_data);
    block_device_unref(call->read.device);
    lease_sight_unref(call->read.sight); /* the reader may go with it */
    lease_worker_unref(call->read.worker);
    g_free(call);
}

/* The parts as an area. `only` is the content of the only part, or NULL. */
static const guint8 *lay_out(AreaCall *call, const guint8 *only)
{
    AreaReader *self = call->reader;

    if (call->plan.whole)
        return only;
    if (self->blank == NULL)
        self->blank = g_malloc0(self->layout.align_size);
    for (unsigned i = 0; i < call->plan.n_parts; i++)
        memcpy(self->blank + call->plan.parts[i].offset, only != NULL ? only : call->parts[i].bytes,
               call->plan.parts[i].length);
    return self->blank;
}

static void drop_parts(AreaCall *call)
{
    for (unsigned i = 0; i < call->plan.n_parts; i++)
        g_clear_pointer(&call->parts[i].bytes, g_free);
}

static void wipe(AreaReader *self, const AreaPlan *plan)
{
    if (plan->whole)
        return;
    for (unsigned i = 0; i < plan->n_parts; i++)
        memset(self->blank + plan->parts[i].offset, 0, plan->parts[i].length);
}

static void accept_or_read_whole(AreaCall *call, const guint8 *only)
{
    AreaReader *self = call->reader;
    LeaseSight *sight = lease_sight_ref(call->read.sight);
    const AreaPlan plan = call->plan;
    guint8 occupied[HOST_SET_SIZE];

    call->result.data = lay_out(call, only);
    drop_parts(call);
    if (area_plan_accept(&plan, &call->place->memory, &self->layout, call->result.data,
                         call->result.started_us, occupied)) {
        call_end(call, occupied);
    } else {
        area_plan_make_whole(&call->plan, plan.length);
        start_parts(call);
    }
    wipe(self, &plan);
    lease_sight_unref(sight);
}

/* One that did not work stands for the read: the first of them. */
static void note_result(AreaCall *call, const AioResult *result)
{
    guint64 started_us =
        call->answered ? MIN(call->result.started_us, result->started_us) : result->started_us;
    guint64 ended_us = result->ended_us;

    if (!call->answered || call->result.status == AIO_OK)
        call->result = *result;
    call->result.started_us = started_us;
    call->result.ended_us = ended_us;
    call->answered = TRUE;
}

static void on_part(const AioResult *result, gpointer user_data)
{
    AreaCallPart *part = user_data;
    AreaCall *call = part->call;
    gsize i = (gsize)(part - call->parts);

    note_result(call, result);
    if (result->status == AIO_OK && call->plan.n_parts > 1)
        part->bytes = g_memdup2(result->data, call->plan.parts[i].length);
    if (--call->left > 0)
        return;
    if (call->result.status == AIO_OK) {
        accept_or_read_whole(call, call->plan.n_parts > 1 ? NULL : result->data);
        return;
    }
    call->result.data = NULL;
    drop_parts(call);
    call_end(call, NULL);
}

void area_reader_read(AreaReader *self, const AreaRead *read, AreaCallback callback,
                      gpointer user_data)
{
    AreaCall *call = g_new0(AreaCall, 1);
    guint64 now_us = boottime_now();
    HostsEver ever;

    call->reader = self;
    call->read = *read;
    lease_worker_ref(read->worker);
    lease_sight_ref(read->sight);
    block_device_ref(read->device);
    call->callback = callback;
    call->user_data = user_data;
    call->place = find_place(self, read);
    call->place->users++;
    lease_sight_hosts_ever(read->sight, &ever);
    area_plan_make(&call->plan, &call->place->memory, &ever, &self->layout, self->own_host_id,
                   read->length, now_us);
    refresh_if_due(self, read, &ever, now_us);
    start_parts(call);
}
