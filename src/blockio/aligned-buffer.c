/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pool of buffers: one free list for each power of two from one page to the largest class,
 * linked through the free buffers themselves. Memory comes from mmap, so it is page-aligned and
 * what the pool does not keep goes back to the system instead of into a heap of some thread.
 *
 * The lock is a pthread mutex, here and in the rest of this layer, since race detectors see those
 * and not the locks inside GLib.
 */
#include "blockio/aligned-buffer.h"

#include <pthread.h>
#include <sys/mman.h>

#define SMALLEST_CLASS_BYTES ((gsize)4096)
#define CLASS_COUNT 12 /* 4 KiB … 8 MiB */

typedef struct FreeBuffer FreeBuffer;
struct FreeBuffer {
    FreeBuffer *next;
};

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static FreeBuffer *free_lists[CLASS_COUNT];
static gsize pooled_bytes;
static unsigned taken;

static gsize class_bytes(unsigned size_class)
{
    return SMALLEST_CLASS_BYTES << size_class;
}

/* CLASS_COUNT: larger than every class. */
static unsigned class_of(gsize size)
{
    unsigned size_class = 0;

    while (size_class < CLASS_COUNT && class_bytes(size_class) < size)
        size_class++;
    return size_class;
}

/* The kernel makes no pages beforehand (MAP_POPULATE) in memory that is locked when it is touched. */
static void touch(void *memory, gsize size)
{
    for (gsize i = 0; i < size; i += SMALLEST_CLASS_BYTES)
        ((volatile guint8 *)memory)[i] = 0;
}

guint8 *aligned_buffer_take(gsize size)
{
    gsize bytes;
    unsigned size_class = class_of(size);
    FreeBuffer *found = NULL;
    void *mapped;

    if (size == 0)
        return NULL;

    pthread_mutex_lock(&pool_lock);
    if (size_class < CLASS_COUNT && free_lists[size_class] != NULL) {
        found = free_lists[size_class];
        free_lists[size_class] = found->next;
        pooled_bytes -= class_bytes(size_class);
        taken++;
    }
    pthread_mutex_unlock(&pool_lock);
    if (found != NULL)
        return (guint8 *)found;

    /* With its pages: io_submit would make them under a lock of the whole address space, which any
     * thread that starts or ends holds up. A sleep in there is taken for storage with a full queue
     * (aio-lane.h). */
    bytes = size_class < CLASS_COUNT ? class_bytes(size_class) : size;
    mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    touch(mapped, bytes);
    pthread_mutex_lock(&pool_lock);
    taken++;
    pthread_mutex_unlock(&pool_lock);
    return mapped;
}

void aligned_buffer_give(guint8 *buffer, gsize size)
{
    unsigned size_class = class_of(size);
    FreeBuffer *freed = (FreeBuffer *)(void *)buffer;
    gboolean kept = FALSE;

    if (buffer == NULL)
        return;

    pthread_mutex_lock(&pool_lock);
    taken--;
    if (size_class < CLASS_COUNT &&
        pooled_bytes + class_bytes(size_class) <= ALIGNED_BUFFER_POOL_BYTES) {
        freed->next = free_lists[size_class];
        free_lists[size_class] = freed;
        pooled_bytes += class_bytes(size_class);
        kept = TRUE;
    }
    pthread_mutex_unlock(&pool_lock);
    if (!kept)
        munmap(buffer, size_class < CLASS_COUNT ? class_bytes(size_class) : size);
}

unsigned aligned_buffer_get_taken(void)
{
    unsigned count;

    pthread_mutex_lock(&pool_lock);
    count = taken;
    pthread_mutex_unlock(&pool_lock);
    return count;
}

gsize aligned_buffer_get_pooled_bytes(void)
{
    gsize bytes;

    pthread_mutex_lock(&pool_lock);
    bytes = pooled_bytes;
    pthread_mutex_unlock(&pool_lock);
    return bytes;
}
