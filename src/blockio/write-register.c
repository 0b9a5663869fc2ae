/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One lock, and for each storage two lists: writes in flight and writes that wait. A storage has an
 * entry only while one of its lists is not empty. The lists are short (what one host's queues have
 * out to one storage), so a walk is cheaper than anything cleverer.
 */
#include "blockio/write-register.h"

#include <pthread.h>
#include <unistd.h>

#include "blockio/storage-key.h"

struct WritePermit {
    gatomicrefcount references;
    gboolean revoked; /* guarded by register_lock */
};

typedef struct RegisterEntry {
    StorageKey key;
    WriteFence *in_flight;
    WriteFence *waiting;
} RegisterEntry;

static pthread_mutex_t register_lock = PTHREAD_MUTEX_INITIALIZER;
static GHashTable *entries; /* StorageKey → RegisterEntry, guarded by register_lock */

static RegisterEntry *find_entry(guint64 major, guint64 minor)
{
    StorageKey key = { major, minor };

    return entries != NULL ? g_hash_table_lookup(entries, &key) : NULL;
}

static RegisterEntry *find_or_add_entry(guint64 major, guint64 minor)
{
    RegisterEntry *entry = find_entry(major, minor);

    if (entry != NULL)
        return entry;
    if (entries == NULL)
        entries = g_hash_table_new_full(storage_key_hash, storage_key_equal, NULL, g_free);
    entry = g_new0(RegisterEntry, 1);
    entry->key = (StorageKey){ major, minor };
    g_hash_table_insert(entries, &entry->key, entry);
    return entry;
}

static void drop_entry_if_empty(RegisterEntry *entry)
{
    if (entry->in_flight == NULL && entry->waiting == NULL)
        g_hash_table_remove(entries, &entry->key);
}

static void list_push(WriteFence **list, WriteFence *fence)
{
    fence->previous = NULL;
    fence->next = *list;
    if (*list != NULL)
        (*list)->previous = fence;
    *list = fence;
}

static void list_remove(WriteFence **list, WriteFence *fence)
{
    if (fence->previous != NULL)
        fence->previous->next = fence->next;
    else
        *list = fence->next;
    if (fence->next != NULL)
        fence->next->previous = fence->previous;
    fence->previous = NULL;
    fence->next = NULL;
}

static gboolean overlaps(const WriteFence *fence, guint64 offset, guint64 length)
{
    return fence->offset < offset + length && offset < fence->offset + fence->length;
}

static gboolean any_overlaps(const WriteFence *list, guint64 offset, guint64 length)
{
    for (const WriteFence *fence = list; fence != NULL; fence = fence->next)
        if (overlaps(fence, offset, length))
            return TRUE;
    return FALSE;
}

/* Under the lock: a waiter leaves the list before its owner closes wake_fd, so it is open here. The
 * descriptor does not block; when its counter is full, it is readable already. */
static void wake_waiters(const RegisterEntry *entry, guint64 offset, guint64 length)
{
    const guint64 one = 1;

    for (const WriteFence *fence = entry->waiting; fence != NULL; fence = fence->next) {
        if (overlaps(fence, offset, length) && write(fence->wake_fd, &one, sizeof(one)) < 0)
            continue;
    }
}

static gboolean is_revoked(const WriteFence *fence)
{
    return fence->permit != NULL && fence->permit->revoked;
}

gboolean write_register_enter(WriteFence *fence)
{
    RegisterEntry *entry;
    gboolean revoked, entered;

    pthread_mutex_lock(&register_lock);
    entry = find_or_add_entry(fence->key_major, fence->key_minor);
    revoked = is_revoked(fence) && fence->state != WRITE_FENCE_IN;
    entered = !revoked && fence->state != WRITE_FENCE_IN &&
              !any_overlaps(entry->in_flight, fence->offset, fence->length);
    if ((revoked || entered) && fence->state == WRITE_FENCE_WAITING)
        list_remove(&entry->waiting, fence);
    if (revoked) {
        fence->state = WRITE_FENCE_REVOKED;
        drop_entry_if_empty(entry);
    } else if (entered) {
        list_push(&entry->in_flight, fence);
        fence->state = WRITE_FENCE_IN;
    } else if (fence->state == WRITE_FENCE_OUT) {
        list_push(&entry->waiting, fence);
        fence->state = WRITE_FENCE_WAITING;
    }
    pthread_mutex_unlock(&register_lock);
    return entered;
}

void write_register_leave(WriteFence *fence)
{
    RegisterEntry *entry;

    if (fence->state == WRITE_FENCE_OUT || fence->state == WRITE_FENCE_REVOKED)
        return;

    pthread_mutex_lock(&register_lock);
    entry = find_entry(fence->key_major, fence->key_minor);
    if (fence->state == WRITE_FENCE_IN) {
        list_remove(&entry->in_flight, fence);
        wake_waiters(entry, fence->offset, fence->length);
    } else {
        list_remove(&entry->waiting, fence);
    }
    fence->state = WRITE_FENCE_OUT;
    drop_entry_if_empty(entry);
    pthread_mutex_unlock(&register_lock);
}

gboolean write_register_overlaps(guint64 key_major, guint64 key_minor, guint64 offset,
                                 guint64 length)
{
    const RegisterEntry *entry;
    gboolean found;

    pthread_mutex_lock(&register_lock);
    entry = find_entry(key_major, key_minor);
    found = entry != NULL && any_overlaps(entry->in_flight, offset, length);
    pthread_mutex_unlock(&register_lock);
    return found;
}

WritePermit *write_permit_new(void)
{
    WritePermit *self = g_new0(WritePermit, 1);

    g_atomic_ref_count_init(&self->references);
    return self;
}

WritePermit *write_permit_ref(WritePermit *self)
{
    g_atomic_ref_count_inc(&self->references);
    return self;
}

void write_permit_unref(WritePermit *self)
{
    if (g_atomic_ref_count_dec(&self->references))
        g_free(self);
}

/* Who waits for a fence is in no queue's list of things that are due before its deadline: it is
 * woken, to find that it may not. */
void write_permit_revoke(WritePermit *self)
{
    const guint64 one = 1;
    GHashTableIter iterator;
    gpointer value;

    pthread_mutex_lock(&register_lock);
    self->revoked = TRUE;
    if (entries != NULL) {
        g_hash_table_iter_init(&iterator, entries);
        while (g_hash_table_iter_next(&iterator, NULL, &value)) {
            for (const WriteFence *fence = ((RegisterEntry *)value)->waiting; fence != NULL;
                 fence = fence->next) {
                if (fence->permit == self && write(fence->wake_fd, &one, sizeof(one)) < 0)
                    continue;
            }
        }
    }
    pthread_mutex_unlock(&register_lock);
}
