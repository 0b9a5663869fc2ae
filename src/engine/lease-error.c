/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LeaseFault -> GError. Every text says what is the cause and what to do.
 */
#include "engine/lease-error.h"

#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "base/checked-time.h"
#include "engine/index-error.h"

char *printable_from_disk(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *safe = g_string_new(NULL);

    for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        if (g_unichar_isprint(c))
            g_string_append_unichar(safe, c);
        else
            g_string_append_printf(safe, "\\x%02x", c);
    }
    return g_string_free(safe, FALSE);
}

static char *place(const LeaseErrorContext *context)
{
    return g_strdup_printf("%s at offset %" G_GUINT64_FORMAT, context->path, context->offset);
}

static char *subject(const LeaseErrorContext *context)
{
    if (context->resource != NULL)
        return g_strdup_printf("resource %s of lockspace %s", context->resource,
                               context->lockspace);
    if (context->lockspace != NULL)
        return g_strdup_printf("lockspace %s", context->lockspace);
    return g_strdup("the area");
}

GError *record_error_new(RecordFault fault, const LeaseErrorContext *context)
{
    g_autofree char *where = place(context);
    g_autofree char *what = subject(context);

    switch (fault) {
    case RECORD_OK:
        break;
    case RECORD_BAD_MAGIC:
        return bailiff_error_make(BAILIFF_ERROR_NOT_FOUND,
                                  "Check path and offset; an area that was never formatted has to "
                                  "be formatted first.",
                                  "There is no %s on %s.",
                                  context->resource != NULL ? "resource" : "lockspace", where);
    case RECORD_CLEARED:
        return bailiff_error_make(BAILIFF_ERROR_NOT_FOUND, "Format it again if it is still wanted.",
                                  "The resource on %s was deliberately cleared.", where);
    case RECORD_BAD_VERSION:
    case RECORD_BAD_FLAGS:
        return bailiff_error_make(BAILIFF_ERROR_UNSUPPORTED,
                                  "Use it with the software that wrote it; bailiff does not touch "
                                  "what it does not understand.",
                                  "The record on %s has %s that this version does not know.", where,
                                  fault == RECORD_BAD_FLAGS ? "flags" : "a format version");
    case RECORD_BAD_SECTOR_SIZE:
    case RECORD_BAD_ALIGN_SIZE:
        return bailiff_error_make(
            BAILIFF_ERROR_CORRUPT,
            "Check path and offset; a resource must be formatted with the sizes of its lockspace.",
            "The sector and area sizes recorded on %s are not those of a valid lease area here.",
            where);
    case RECORD_OTHER_LOCKSPACE:
        return bailiff_error_make(
            BAILIFF_ERROR_NOT_FOUND, "Inspect the path to see which name is there, and use that.",
            "What lies on %s does not belong to lockspace %s.", where, context->lockspace);
    case RECORD_OTHER_RESOURCE:
        return bailiff_error_make(BAILIFF_ERROR_NOT_FOUND,
                                  "Inspect the path to see which name is there, and use that.",
                                  "The resource on %s is not %s.", where, context->resource);
    case RECORD_BAD_HOST_COUNT:
        return bailiff_error_make(BAILIFF_ERROR_INVALID_ARGUMENT,
                                  "Use a lower host id, or format the area for more hosts.",
                                  "The area on %s does not have room for host id %" G_GUINT64_FORMAT
                                  ".",
                                  where, context->host_id);
    case RECORD_BAD_CHECKSUM:
    case RECORD_BAD_FIELD:
        break;
    }
    return bailiff_error_make(
        BAILIFF_ERROR_CORRUPT,
        "Find out what else writes there. Nothing was changed; format the area "
        "again only when no host uses it.",
        "The record of %s on %s is damaged (%s).", what, where, record_fault_name(fault));
}

static GError *io_error_new(const LeaseFault *fault, const LeaseErrorContext *context)
{
    g_autofree char *where = place(context);

    if (fault->kind == LEASE_IO_TIMEOUT)
        return bailiff_error_make(BAILIFF_ERROR_IO_TIMEOUT, "Check the storage and the way to it.",
                                  "The storage did not answer in time (%s on %s).",
                                  fault->wrote ? "write" : "read", where);
    if (fault->kind == LEASE_IO_SHORT)
        return bailiff_error_make(BAILIFF_ERROR_INVALID_ARGUMENT,
                                  "Check the offset, or make the device or file larger.",
                                  "The device ends before the area does (%s).", where);
    return bailiff_error_make(BAILIFF_ERROR_IO_ERROR, "Check the storage and the kernel's log.",
                              "The storage answered with an error (%s on %s: %s).",
                              fault->wrote ? "write" : "read", where, g_strerror(fault->io_errno));
}

static GError *host_lease_error_new(const LeaseFault *fault, const LeaseErrorContext *context)
{
    g_autofree char *name = printable_from_disk(fault->host_name);

    switch (fault->kind) {
    case LEASE_BAD_HOST_ID:
        return bailiff_error_make(BAILIFF_ERROR_INVALID_ARGUMENT, "Choose a host id in that range.",
                                  "Host id %" G_GUINT64_FORMAT
                                  " does not exist in lockspace %s: it has 1 to %" G_GUINT64_FORMAT
                                  ".",
                                  context->host_id, context->lockspace, fault->limit);
    case LEASE_HOST_ID_BUSY:
        return bailiff_error_make(
            BAILIFF_ERROR_HOST_ID_BUSY, "Give every host a host id of its own.",
            "Host id %" G_GUINT64_FORMAT " of lockspace %s is in use by the live host %s.",
            context->host_id, context->lockspace, name);
    case LEASE_NO_HOST_ID:
        return bailiff_error_make(
            BAILIFF_ERROR_HOST_ID_BUSY,
            "Leave the lockspace on a host that does not need it, or join with the host id of a "
            "host that is gone for good.",
            "None of the %" G_GUINT64_FORMAT " host ids of lockspace %s is free.", fault->limit,
            context->lockspace);
    case LEASE_HOST_ID_LOST:
        return bailiff_error_make(
            BAILIFF_ERROR_HOST_ID_CONFLICT, "Give every host a host id of its own.",
            "Another host%s%s took host id %" G_GUINT64_FORMAT
            " of lockspace %s at the same moment.",
            *name != '\0' ? ", " : "", name, context->host_id, context->lockspace);
    case LEASE_TAKEN:
        return bailiff_error_make(
            BAILIFF_ERROR_HOST_ID_CONFLICT, "Give every host a host id and a host name of its own.",
            "Host id %" G_GUINT64_FORMAT " of lockspace %s was taken over by another host%s%s.",
            context->host_id, context->lockspace, *name != '\0' ? ", " : "", name);
    default:
        return bailiff_error_make(
            BAILIFF_ERROR_HOST_ID_CONFLICT,
            "Find out what else writes to that storage; no other program may.",
            "Somebody else changed this host's record (host id %" G_GUINT64_FORMAT
            ") in lockspace %s.",
            context->host_id, context->lockspace);
    }
}

static GError *frozen_error_new(const LeaseFault *fault, const LeaseErrorContext *context)
{
    return bailiff_error_make(
        BAILIFF_ERROR_LOST,
        "Join again. Do not stop and continue a virtual host (pause, snapshot, migration that "
        "takes long) while it holds leases: leave the lockspace first.",
        "By the clocks of the other hosts of lockspace %s this host stood still for "
        "%" G_GUINT64_FORMAT
        " seconds in which its own clock did not move on; for %" G_GUINT64_FORMAT
        " seconds nobody heard of it, and others may have taken its leases.",
        context->lockspace, fault->standstill_us / USEC_PER_SECOND,
        fault->unheard_of_us / USEC_PER_SECOND);
}

/* The ballots show later versions than the leader record. */
static GError *past_error_new(const LeaseFault *fault, const LeaseErrorContext *context)
{
    return bailiff_error_make(BAILIFF_ERROR_HELD,
                              "Acquire and release it on that host, or call with the option wait; "
                              "if that host is gone for "
                              "good, try again 8 io timeouts and 60 seconds after its end.",
                              "The leader record of resource %s of lockspace %s is an old one, "
                              "written over a newer one; host "
                              "id %" G_GUINT64_FORMAT " may hold a later version.",
                              context->resource, context->lockspace, fault->host_id);
}

static GError *held_error_new(const LeaseFault *fault, const LeaseErrorContext *context)
{
    g_autofree char *name = printable_from_disk(fault->host_name);
    g_autofree char *host =
        *name != '\0' ? g_strdup_printf("host %s (host id %" G_GUINT64_FORMAT, name, fault->host_id)
                      : g_strdup_printf("host id %" G_GUINT64_FORMAT, fault->host_id);
    const char *open = *name != '\0' ? ", " : " (";

    switch (fault->kind) {
    case LEASE_HELD:
        return bailiff_error_make(BAILIFF_ERROR_HELD,
                                  "Release it there, or call with the option wait.",
                                  "Resource %s of lockspace %s is held by %s%sstate live).",
                                  context->resource, context->lockspace, host, open);
    case LEASE_HELD_UNCERTAIN: {
        if (fault->free_at_us == 0)
            return past_error_new(fault, context);
        guint64 left = time_since(fault->free_at_us, boottime_now()) / USEC_PER_SECOND;

        return bailiff_error_make(
            BAILIFF_ERROR_HELD,
            "Try again when the host is known to be dead, or call with the option wait.",
            "Resource %s of lockspace %s is held by %s%sstate unknown or fail: it has not been "
            "silent for long enough, %" G_GUINT64_FORMAT " seconds to go).",
            context->resource, context->lockspace, host, open,
            fault->free_at_us == 0 ? 0 : left + 1);
    }
    case LEASE_HELD_SHARED:
        return bailiff_error_make(BAILIFF_ERROR_HELD,
                                  "Release it there, or call with the option wait.",
                                  "Resource %s of lockspace %s is held shared by %s%sstate live).",
                                  context->resource, context->lockspace, host, open);
    default:
        return bailiff_error_make(
            BAILIFF_ERROR_HELD, "Try again, or call with the option wait.",
            "Resource %s of lockspace %s was acquired by %s%sstate live) at the "
            "same moment.",
            context->resource, context->lockspace, host, open);
    }
}

/* What is on disk is a lease, and not the one that it was to be. */
static GError *resource_error_new(const LeaseFault *fault, const LeaseErrorContext *context)
{
    switch (fault->kind) {
    case LEASE_VERSION_DIFFERS:
        return bailiff_error_make(BAILIFF_ERROR_HELD,
                                  "If it is higher somebody has held it since: look at the data "
                                  "before you go on, then acquire without the option version. If "
                                  "it is lower check the number and the place.",
                                  "Resource %s of lockspace %s has version %" G_GUINT64_FORMAT
                                  ", not the demanded one.",
                                  context->resource, context->lockspace, fault->version);
    case LEASE_NOT_OURS:
        return bailiff_error_make(
            BAILIFF_ERROR_HELD,
            "Find out why: a virtual host that was stopped and continued, a clock that stands "
            "still, or another program that writes there. Look at the data before you use the "
            "resource again.",
            "Resource %s of lockspace %s is on disk no longer as this host wrote it: host id "
            "%" G_GUINT64_FORMAT " is at version %" G_GUINT64_FORMAT " there.",
            context->resource, context->lockspace, fault->host_id, fault->version);
    case LEASE_NOT_RENAMED:
        return bailiff_error_make(BAILIFF_ERROR_BUSY,
                                  "Acquire it again, then release it with the new name.",
                                  "Resource %s of lockspace %s is released, but keeps its name: "
                                  "host id %" G_GUINT64_FORMAT " had written its record meanwhile.",
                                  context->resource, context->lockspace, fault->host_id);
    default:
        return bailiff_error_make(
            BAILIFF_ERROR_LOST,
            "Find out why this host stood still, or what else writes to that storage.",
            "The shared lease on resource %s of lockspace %s is no longer on disk: another host "
            "took this one for dead.",
            context->resource, context->lockspace);
    }
}

static GError *request_error_new(const LeaseFault *fault, const LeaseErrorContext *context)
{
    g_autofree char *where = place(context);

    switch (fault->kind) {
    case LEASE_REQUEST_PASSED:
        return bailiff_error_make(
            BAILIFF_ERROR_HELD, "Look who holds it now; ask for a later version, or the next one.",
            "Resource %s of lockspace %s has version %" G_GUINT64_FORMAT
            " by now: the requested one is over.",
            context->resource, context->lockspace, fault->version);
    case LEASE_REQUEST_LATER:
        return bailiff_error_make(BAILIFF_ERROR_BUSY,
                                  "Wait until that is over, or take the request back first.",
                                  "Another host has requested resource %s of lockspace %s for the "
                                  "later version %" G_GUINT64_FORMAT ".",
                                  context->resource, context->lockspace, fault->version);
    default:
        if (fault->record == RECORD_BAD_VERSION)
            return record_error_new(fault->record, context);
        return bailiff_error_make(
            BAILIFF_ERROR_CORRUPT,
            "Find out what else writes there. Nothing was changed; format the resource again only "
            "when no host uses it.",
            "The request record of resource %s of lockspace %s on %s is damaged (%s).",
            context->resource, context->lockspace, where, record_fault_name(fault->record));
    }
}

/* By subject. */
GError *lease_error_new(const LeaseFault *fault, const LeaseErrorContext *context)
{
    switch (fault->kind) {
    case LEASE_IO_TIMEOUT:
    case LEASE_IO_ERROR:
    case LEASE_IO_SHORT:
        return io_error_new(fault, context);
    case LEASE_BAD_RECORD:
        return record_error_new(fault->record, context);
    case LEASE_BAD_HOST_ID:
    case LEASE_HOST_ID_BUSY:
    case LEASE_NO_HOST_ID:
    case LEASE_HOST_ID_LOST:
    case LEASE_TAKEN:
    case LEASE_ALTERED:
        return host_lease_error_new(fault, context);
    case LEASE_FROZEN:
        return frozen_error_new(fault, context);
    case LEASE_HELD:
    case LEASE_HELD_UNCERTAIN:
    case LEASE_HELD_SHARED:
    case LEASE_BALLOT_LOST:
        return held_error_new(fault, context);
    case LEASE_VERSION_DIFFERS:
    case LEASE_NOT_OURS:
    case LEASE_NOT_RENAMED:
    case LEASE_SHARE_LOST:
        return resource_error_new(fault, context);
    case LEASE_NAME_TAKEN:
    case LEASE_NAME_MISSING:
    case LEASE_NAME_AMBIGUOUS:
    case LEASE_INDEX_FULL:
    case LEASE_AREA_OCCUPIED:
        return index_error_new(fault, context);
    case LEASE_REQUEST_PASSED:
    case LEASE_REQUEST_LATER:
    case LEASE_BAD_REQUEST:
        return request_error_new(fault, context);
    case LEASE_OK:
    case LEASE_STOPPED:
    case LEASE_EXPIRED:
        break;
    }
    return bailiff_error_make(BAILIFF_ERROR_LOST, "Join the lockspace again, then try again.",
                              "Lockspace %s was left or lost, or is too late, meanwhile.",
                              context->lockspace);
}
