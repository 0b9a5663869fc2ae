/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What lies where: ranges are compared by device, whatever path led there.
 */
#include "engine/storage-claims.h"

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "engine/area-reader.h"
#include "engine/engine-private.h"
#include "engine/lockspace-private.h"
#include "engine/resource-private.h"

typedef struct Claim {
    guint64 id;
    BlockDevice *device;
    guint64 offset;
    guint64 length;
} Claim;

struct StorageClaims {
    GArray *list; /* of Claim */
    guint64 last_id;
};

static void claim_clear(gpointer data)
{
    block_device_unref(((Claim *)data)->device);
}

StorageClaims *storage_claims_new(void)
{
    StorageClaims *self = g_new0(StorageClaims, 1);

    self->list = g_array_new(FALSE, FALSE, sizeof(Claim));
    g_array_set_clear_func(self->list, claim_clear);
    return self;
}

void storage_claims_free(StorageClaims *self)
{
    g_array_unref(self->list);
    g_free(self);
}

static gboolean overlaps(const BlockDevice *device, guint64 offset, guint64 length,
                         const BlockDevice *other, guint64 other_offset, guint64 other_length)
{
    return other != NULL &&
           block_device_get_key_major(device) == block_device_get_key_major(other) &&
           block_device_get_key_minor(device) == block_device_get_key_minor(other) &&
           offset < time_add(other_offset, other_length) && other_offset < time_add(offset, length);
}

gboolean bailiff_engine_check_unclaimed(BailiffEngine *self, const BlockDevice *device,
                                        guint64 offset, guint64 length, GError **error)
{
    const StorageClaims *claims = bailiff_engine_get_claims(self);

    for (guint i = 0; i < claims->list->len; i++) {
        const Claim *claim = &g_array_index(claims->list, Claim, i);

        if (!overlaps(device, offset, length, claim->device, claim->offset, claim->length))
            continue;
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Wait until it is formatted.",
                          "%s is being formatted at offset %" G_GUINT64_FORMAT ".",
                          block_device_get_path(claim->device), claim->offset);
        return FALSE;
    }
    return TRUE;
}

/* A lost lockspace may be about to give its host lease back. That would say "free" over whatever is
 * joined or formatted there from now on. */
void bailiff_engine_end_lost(BailiffEngine *self, const BlockDevice *device, guint64 offset,
                             guint64 length)
{
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(self);

    for (guint i = 0; i < lockspaces->len; i++) {
        BailiffLockspace *other = lockspaces->pdata[i];

        if (other->state == BAILIFF_LOCKSPACE_LOST &&
            overlaps(device, offset, length, other->device, other->offset,
                     MAX(other->layout.align_size, SECTOR_SIZE_MIN)))
            bailiff_lockspace_abandon(other);
    }
}

guint64 bailiff_engine_claim(BailiffEngine *self, BlockDevice *device, guint64 offset,
                             guint64 length, GError **error)
{
    StorageClaims *claims = bailiff_engine_get_claims(self);
    const Claim claim = { claims->last_id + 1, block_device_ref(device), offset, length };

    if (!bailiff_engine_check_unused(self, device, offset, length, error)) {
        block_device_unref(device);
        return 0;
    }
    bailiff_engine_end_lost(self, device, offset, length);
    claims->last_id = claim.id;
    g_array_append_val(claims->list, claim);
    return claim.id;
}

void bailiff_engine_unclaim(BailiffEngine *self, guint64 claim)
{
    const StorageClaims *claims = bailiff_engine_get_claims(self);

    for (guint i = 0; i < claims->list->len; i++)
        if (g_array_index(claims->list, Claim, i).id == claim) {
            g_array_remove_index_fast(claims->list, i);
            area_reader_forget_all();
            return;
        }
}

/* Whatever path led there: the device is compared. */
gboolean bailiff_engine_check_unused(BailiffEngine *self, const BlockDevice *device, guint64 offset,
                                     guint64 length, GError **error)
{
    g_autoptr(GPtrArray) lockspaces = bailiff_engine_list_lockspaces(self);
    GHashTableIter iter;
    gpointer resource;

    if (!bailiff_engine_check_unclaimed(self, device, offset, length, error))
        return FALSE;
    for (guint i = 0; i < lockspaces->len; i++) {
        BailiffLockspace *lockspace = lockspaces->pdata[i];

        if (lockspace->state != BAILIFF_LOCKSPACE_LOST &&
            overlaps(device, offset, length, lockspace->device, lockspace->offset,
                     MAX(lockspace->layout.align_size, SECTOR_SIZE_MIN))) {
            bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Leave the lockspace on every host first.",
                              "Lockspace %s, which this host has joined, lies there.",
                              lockspace->name);
            return FALSE;
        }
        g_hash_table_iter_init(&iter, lockspace->resources);
        while (g_hash_table_iter_next(&iter, NULL, &resource)) {
            if (!overlaps(device, offset, length, bailiff_resource_get_device(resource),
                          bailiff_resource_get_offset(resource), lockspace->layout.align_size))
                continue;
            bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Release it on every host first.",
                              "Resource %s of lockspace %s, which this host holds, lies there.",
                              bailiff_resource_get_name(resource), lockspace->name);
            return FALSE;
        }
    }
    return TRUE;
}
