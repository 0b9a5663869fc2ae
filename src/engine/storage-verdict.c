/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Judging storage. A problem makes it unfit; a warning is what only a person can judge.
 */
#include "engine/storage-verdict.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "lease/timeout-advice.h"
#include "ondisk/layout.h"

typedef enum FileSystemTrait {
    TRAIT_LOCAL,
    TRAIT_MEMORY,
    TRAIT_OVERLAY,
    TRAIT_FUSE,
    TRAIT_NETWORK,
    TRAIT_NFS,
    TRAIT_CLUSTER,
    TRAIT_UNKNOWN,
} FileSystemTrait;

/* f_type, by statfs(2) and linux/magic.h; those of cluster file systems by their own sources. */
static const struct {
    guint64 magic;
    const char *name;
    FileSystemTrait trait;
} file_systems[] = {
    { 0xef53, "ext4", TRAIT_LOCAL },
    { 0x58465342, "xfs", TRAIT_LOCAL },
    { 0x9123683e, "btrfs", TRAIT_LOCAL },
    { 0x2fc12fc1, "zfs", TRAIT_LOCAL },
    { 0xf2f52010, "f2fs", TRAIT_LOCAL },
    { 0x4d44, "vfat", TRAIT_LOCAL },
    { 0x01021994, "tmpfs", TRAIT_MEMORY },
    { 0x858458f6, "ramfs", TRAIT_MEMORY },
    { 0x794c7630, "overlay", TRAIT_OVERLAY },
    { 0x65735546, "fuse", TRAIT_FUSE },
    { 0x6969, "nfs", TRAIT_NFS },
    { 0x517b, "smb", TRAIT_NETWORK },
    { 0xfe534d42, "smb2", TRAIT_NETWORK },
    { 0xff534d42, "cifs", TRAIT_NETWORK },
    { 0x00c36400, "ceph", TRAIT_NETWORK },
    { 0x01021997, "9p", TRAIT_NETWORK },
    { 0x01161970, "gfs2", TRAIT_CLUSTER },
    { 0x7461636f, "ocfs2", TRAIT_CLUSTER },
};

typedef struct Verdict {
    const StorageFacts *facts;
    GVariantDict dict;
    GVariantBuilder problems, warnings;
    guint n_problems;
} Verdict;

static void G_GNUC_PRINTF(2, 3) add_problem(Verdict *self, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_variant_builder_add(&self->problems, "s", text);
    self->n_problems++;
}

static void add_warning(Verdict *self, const char *text)
{
    g_variant_builder_add(&self->warnings, "s", text);
}

/* --- what it is ------------------------------------------------------------------------------ */

static void judge_trait(Verdict *self, FileSystemTrait trait)
{
    switch (trait) {
    case TRAIT_MEMORY:
        add_problem(self, "It is in the memory of this host: no other host sees it, and it does "
                          "not outlast a reboot.");
        break;
    case TRAIT_LOCAL:
        add_warning(self, "This file system can be used by one host at a time: leases here keep "
                          "apart what runs on this host, and nothing else.");
        break;
    case TRAIT_OVERLAY:
        add_warning(self, "An overlay: what is written goes to the upper layer of this host, and "
                          "other hosts may never see it.");
        break;
    case TRAIT_FUSE:
        add_warning(self, "A file system in user space: it has to be one that passes direct I/O on "
                          "to storage that all hosts share, and keeps nothing back.");
        break;
    case TRAIT_NETWORK:
        add_warning(self, "A network file system: see that no host caches it, and that the server "
                          "has on disk what it says is written.");
        break;
    case TRAIT_NFS:
        add_warning(self, "NFS: export it with sync, or a server that restarts forgets leases.");
        break;
    case TRAIT_CLUSTER:
    case TRAIT_UNKNOWN:
        break;
    }
}

static FileSystemTrait find_trait(const StorageFacts *facts, const char **ret_name)
{
    *ret_name = "unknown";
    for (gsize i = 0; i < G_N_ELEMENTS(file_systems); i++)
        if (file_systems[i].magic == facts->file_system) {
            *ret_name = file_systems[i].name;
            return file_systems[i].trait;
        }
    return TRAIT_UNKNOWN;
}

static void tell_kind(Verdict *self)
{
    const char *name;
    FileSystemTrait trait = find_trait(self->facts, &name);

    if (!self->facts->known)
        return;
    g_variant_dict_insert(&self->dict, "kind", "s",
                          self->facts->block_device ? "block-device" : "file");
    if (self->facts->block_device)
        return; /* the file system is that of /dev */
    g_variant_dict_insert(&self->dict, "file-system", "s", name);
    judge_trait(self, trait);
}

/* --- opening --------------------------------------------------------------------------------- */

/* The cause alone: what to do follows from all that is told. */
static char *cause_of(const GError *error)
{
    return g_strndup(error->message, strcspn(error->message, "\n"));
}

static void explain_refusal(Verdict *self)
{
    const char *name;

    if (self->facts->known && !self->facts->block_device &&
        find_trait(self->facts, &name) == TRAIT_NFS && geteuid() == 0)
        add_warning(self, "The server takes root for nobody (root_squash): export it with "
                          "no_root_squash, or let nobody own the file.");
}

static void tell_open(Verdict *self)
{
    const StorageFacts *facts = self->facts;
    const GError *error = facts->open_error != NULL ? facts->open_error : facts->write_error;

    g_variant_dict_insert(&self->dict, "user", "u", (guint32)geteuid());
    if (error != NULL) {
        g_autofree char *cause = cause_of(error);

        add_problem(self, "%s", cause);
        if (g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_AUTHORIZED))
            explain_refusal(self);
    }
    if (facts->opened || facts->open_error != NULL) {
        g_variant_dict_insert(&self->dict, "readable", "b", facts->opened);
        g_variant_dict_insert(&self->dict, "writable", "b",
                              facts->opened && facts->write_error == NULL);
    }
    if (facts->opened ||
        g_error_matches(facts->open_error, BAILIFF_ERROR, BAILIFF_ERROR_UNSUPPORTED))
        g_variant_dict_insert(&self->dict, "direct-io", "b", facts->opened);
}

static void tell_sizes(Verdict *self, guint64 offset)
{
    const StorageFacts *facts = self->facts;

    if (!facts->opened)
        return;
    g_variant_dict_insert(&self->dict, "size", "t", facts->size);
    if (facts->area_size == 0)
        return;
    g_variant_dict_insert(&self->dict, "sector-size", "u",
                          facts->block_size > SECTOR_SIZE_MIN ? SECTOR_SIZE_MAX : SECTOR_SIZE_MIN);
    g_variant_dict_insert(&self->dict, "align-size", "u", facts->area_size);
    if (facts->block_size > SECTOR_SIZE_MAX)
        add_problem(self, "It cannot read or write less than %u bytes; leases have sectors of %u.",
                    facts->block_size, SECTOR_SIZE_MAX);
    if (offset % facts->area_size != 0)
        add_problem(self, "The offset is not a multiple of the area size, %u bytes.",
                    facts->area_size);
    if (facts->too_small)
        add_problem(self,
                    "It is too small: it has %" G_GUINT64_FORMAT
                    " bytes, and an area at that offset ends at %" G_GUINT64_FORMAT ".",
                    facts->size, time_add(offset, facts->area_size));
}

/* --- reading --------------------------------------------------------------------------------- */

static int compare_latencies(const void *a, const void *b)
{
    guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;

    return x < y ? -1 : x > y;
}

/* The nearest rank: the smallest that at least `percent` of all do not exceed. */
static guint64 percentile(const GArray *sorted, guint percent)
{
    guint rank = (guint)(((guint64)sorted->len * percent + 99) / 100);

    return g_array_index(sorted, guint64, rank > 0 ? rank - 1 : 0);
}

static void tell_advice(Verdict *self, guint64 longest_us)
{
    TimeoutAdvice advice;

    if (!timeout_advise(&advice, longest_us))
        add_problem(self,
                    "It is too slow: reading an area took %.1f s, and an io timeout has to be "
                    "%u times as long.",
                    (double)longest_us / (double)USEC_PER_SECOND, TIMEOUT_HEADROOM);
    g_variant_dict_insert(&self->dict, "io-timeout", "u", advice.io_timeout);
    g_variant_dict_insert(&self->dict, "smallest-io-timeout", "u", advice.smallest);
    g_variant_dict_insert(&self->dict, "late", "u", advice.late);
    g_variant_dict_insert(&self->dict, "fail", "u", advice.fail);
    g_variant_dict_insert(&self->dict, "reset", "u", advice.reset);
    g_variant_dict_insert(&self->dict, "free", "u", advice.free);
    g_variant_dict_insert(&self->dict, "watchdog", "b", advice.watchdog);
}

/* One that is out is no longer unanswered than it is: its length so far counts as a latency. */
static void tell_latencies(Verdict *self, guint64 out_us)
{
    GArray *sorted = self->facts->latencies;
    guint64 longest;

    g_variant_dict_insert(&self->dict, "reads", "u", sorted->len);
    if (self->facts->read_error != 0)
        add_problem(self, "A read failed: %s.", g_strerror(self->facts->read_error));
    if (sorted->len == 0)
        return;
    qsort(sorted->data, sorted->len, sizeof(guint64), compare_latencies);
    longest = g_array_index(sorted, guint64, sorted->len - 1);
    g_variant_dict_insert(&self->dict, "latency-50-usec", "t", percentile(sorted, 50));
    g_variant_dict_insert(&self->dict, "latency-95-usec", "t", percentile(sorted, 95));
    g_variant_dict_insert(&self->dict, "latency-99-usec", "t", percentile(sorted, 99));
    g_variant_dict_insert(&self->dict, "latency-max-usec", "t", longest);
    tell_advice(self, MAX(longest, out_us));
}

static void tell_silence(Verdict *self, guint64 out_us)
{
    static const char *const doing[] = {
        [STORAGE_LOOKING_UP] = "looked up",
        [STORAGE_OPENING] = "opened",
        [STORAGE_READING] = "read",
    };

    if (out_us == 0)
        return;
    g_variant_dict_insert(&self->dict, "unanswered-usec", "t", out_us);
    add_problem(self, "It does not answer: it was to be %s for %.1f s when this look ended.",
                doing[self->facts->stage], (double)out_us / (double)USEC_PER_SECOND);
}

GVariant *storage_verdict(const StorageFacts *facts, guint64 offset, guint64 now_us)
{
    Verdict self = { .facts = facts };
    guint64 out_us = facts->stage == STORAGE_ENDED || facts->stage_since_us == 0
                         ? 0
                         : time_since(now_us, facts->stage_since_us);

    g_variant_dict_init(&self.dict, NULL);
    g_variant_builder_init(&self.problems, G_VARIANT_TYPE_STRING_ARRAY);
    g_variant_builder_init(&self.warnings, G_VARIANT_TYPE_STRING_ARRAY);
    tell_kind(&self);
    tell_open(&self);
    tell_sizes(&self, offset);
    tell_latencies(&self, out_us);
    tell_silence(&self, out_us);
    g_variant_dict_insert(&self.dict, "fit", "b", self.n_problems == 0);
    g_variant_dict_insert_value(&self.dict, "problems", g_variant_builder_end(&self.problems));
    g_variant_dict_insert_value(&self.dict, "warnings", g_variant_builder_end(&self.warnings));
    return g_variant_dict_end(&self.dict);
}
