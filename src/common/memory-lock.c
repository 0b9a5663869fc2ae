/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory is locked when it is first touched (MCL_ONFAULT), so that it becomes no more than it is:
 * each thread has a stack of megabytes, of which it uses a few pages. Only the program and its
 * libraries, which would be read from storage, are to be in memory before they are needed.
 *
 * The limit counts such stacks whole, though, and beyond it there would be no memory and no threads
 * any more. So memory is locked only where there is no limit.
 */
#include "common/memory-lock.h"

#include <errno.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/bailiff-error.h"

/* A capability lifts the limit, except for some who seem to have it (root of a user namespace): the
 * kernel itself is asked. */
static gboolean may_lock_more_than(rlim_t limit)
{
    gsize size = (gsize)limit + (gsize)sysconf(_SC_PAGESIZE);
    void *probe = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    gboolean may;

    if (probe == MAP_FAILED)
        return FALSE;
    may = mlock2(probe, size, MLOCK_ONFAULT) == 0;
    munmap(probe, size);
    return may;
}

static gboolean check_limit(GError **error)
{
    struct rlimit limit = { 0, 0 };

    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_MEMLOCK, &limit);
    }
    if (limit.rlim_cur == RLIM_INFINITY || may_lock_more_than(limit.rlim_cur))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_NOT_AUTHORIZED,
                      "Lift the limit: LimitMEMLOCK=infinity in the unit.",
                      "Memory is not locked, and may be paged out to storage that hangs: no more "
                      "than %" G_GUINT64_FORMAT " KiB may be.",
                      (guint64)limit.rlim_cur / 1024);
    return FALSE;
}

/* Of the program, or of one library. */
static int lock_segments(struct dl_phdr_info *info, size_t size, void *data)
{
    for (guint i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        const void *start = (const void *)(info->dlpi_addr + segment->p_vaddr);

        if (segment->p_type == PT_LOAD && mlock(start, segment->p_memsz) != 0)
            return -1;
    }
    return 0;
}

gboolean memory_lock_begin(GError **error)
{
    if (!check_limit(error))
        return FALSE;
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0 &&
        dl_iterate_phdr(lock_segments, NULL) == 0)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "See the system's memory.",
                      "Memory is not locked, and may be paged out to storage that hangs: %s.",
                      g_strerror(errno));
    munlockall();
    return FALSE;
}
