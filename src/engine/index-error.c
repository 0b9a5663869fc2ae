/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LeaseFault of an index machine -> GError.
 */
#include "engine/index-error.h"

#include "common/bailiff-error.h"

static const char mend_index[] =
    "Find out what else writes there; rebuild the index, or format it again with the option "
    "overwrite and rebuild it then: that keeps the resources.";

GError *index_header_error_new(RecordFault fault, const LeaseErrorContext *context)
{
    switch (fault) {
    case RECORD_BAD_MAGIC:
        return bailiff_error_make(BAILIFF_ERROR_NOT_FOUND,
                                  "Check path and offset; an index that was never formatted has to "
                                  "be formatted first.",
                                  "There is no resource index on %s at offset %" G_GUINT64_FORMAT
                                  ".",
                                  context->path, context->offset);
    case RECORD_BAD_SECTOR_SIZE:
    case RECORD_BAD_ALIGN_SIZE:
        if (context->lockspace == NULL)
            break;
        return bailiff_error_make(
            BAILIFF_ERROR_CORRUPT,
            "Check path and offset; an index must be formatted with the sizes of its lockspace.",
            "The resource index on %s at offset %" G_GUINT64_FORMAT
            " has other sector and area sizes than lockspace %s.",
            context->path, context->offset, context->lockspace);
    case RECORD_BAD_FIELD:
        break;
    default:
        return record_error_new(fault, context);
    }
    return bailiff_error_make(BAILIFF_ERROR_CORRUPT, mend_index,
                              "The header of the resource index on %s at offset %" G_GUINT64_FORMAT
                              " is damaged (%s).",
                              context->path, context->offset, record_fault_name(fault));
}

/* The header, at the index's own offset; else an entry or the resource that it leads to. */
static GError *record_error(const LeaseFault *fault, const LeaseErrorContext *context)
{
    if (fault->offset == context->offset)
        return index_header_error_new(fault->record, context);
    return bailiff_error_make(
        BAILIFF_ERROR_CORRUPT, mend_index,
        "Entry and resource%s%s at offset %" G_GUINT64_FORMAT
        " of the index on %s at offset %" G_GUINT64_FORMAT " do not agree (%s).",
        context->resource != NULL ? " " : "", context->resource != NULL ? context->resource : "",
        fault->offset, context->path, context->offset, record_fault_name(fault->record));
}

static const char *kind_of(AreaContent content)
{
    switch (content) {
    case AREA_LOCKSPACE:
        return "lockspace";
    case AREA_RESOURCE:
        return "resource";
    case AREA_RESOURCE_CLEARED:
        return "cleared resource";
    case AREA_INDEX:
        return "resource index";
    case AREA_BLANK:
    case AREA_OTHER:
        break;
    }
    return NULL;
}

/* While creating (`resource` is its name) or formatting. */
static GError *occupied_error(const LeaseFault *fault, const LeaseErrorContext *context)
{
    g_autofree char *name = printable_from_disk(fault->name);
    const char *kind = kind_of(fault->content);
    const char *cure =
        context->resource == NULL
            ? "Check path and offset; if what is there may be destroyed, format with the option "
              "overwrite."
        : fault->content == AREA_RESOURCE
            ? "Rebuild the index: that gives every resource that is there an entry."
            : "Check path and offset of the index. If nobody needs what is there, format a "
              "resource over it with the option overwrite, then rebuild the index.";

    if (kind == NULL)
        return bailiff_error_make(BAILIFF_ERROR_ALREADY_EXISTS, cure,
                                  "There is other data on %s at offset %" G_GUINT64_FORMAT ".",
                                  context->path, fault->offset);
    return bailiff_error_make(BAILIFF_ERROR_ALREADY_EXISTS, cure,
                              "A %s%s%s is already on %s at offset %" G_GUINT64_FORMAT ".", kind,
                              *name != '\0' ? " named " : "", name, context->path, fault->offset);
}

static GError *entry_error(const LeaseFault *fault, const LeaseErrorContext *context)
{
    switch (fault->kind) {
    case LEASE_NAME_TAKEN:
        return bailiff_error_make(BAILIFF_ERROR_ALREADY_EXISTS, "Use it, or choose another name.",
                                  "Resource %s of lockspace %s is already there, at offset "
                                  "%" G_GUINT64_FORMAT ".",
                                  context->resource, context->lockspace, fault->offset);
    case LEASE_NAME_AMBIGUOUS:
        return bailiff_error_make(
            BAILIFF_ERROR_INVALID_ARGUMENT, "Say which one with the option resource-offset.",
            "There are several resources %s in the index on %s at offset %" G_GUINT64_FORMAT ".",
            context->resource, context->path, context->offset);
    case LEASE_INDEX_FULL:
        return bailiff_error_make(BAILIFF_ERROR_INVALID_ARGUMENT,
                                  "Delete resources that are not needed, or format another index.",
                                  "All %" G_GUINT64_FORMAT
                                  " entries of the index on %s at offset %" G_GUINT64_FORMAT
                                  " are in use.",
                                  fault->limit, context->path, context->offset);
    default:
        return bailiff_error_make(
            BAILIFF_ERROR_NOT_FOUND, "List the index to see what it has.",
            "There is no resource %s in the index on %s at offset %" G_GUINT64_FORMAT ".",
            context->resource, context->path, context->offset);
    }
}

GError *index_error_new(const LeaseFault *fault, const LeaseErrorContext *context)
{
    switch (fault->kind) {
    case LEASE_BAD_RECORD:
        return record_error(fault, context);
    case LEASE_NAME_TAKEN:
    case LEASE_NAME_MISSING:
    case LEASE_NAME_AMBIGUOUS:
    case LEASE_INDEX_FULL:
        return entry_error(fault, context);
    case LEASE_AREA_OCCUPIED:
        return occupied_error(fault, context);
    case LEASE_IO_SHORT:
        return bailiff_error_make(
            BAILIFF_ERROR_INVALID_ARGUMENT,
            "Make it larger (truncate -s for a file), or delete resources that are not needed.",
            "%s ends before the next area of the index at offset %" G_GUINT64_FORMAT " does.",
            context->path, context->offset);
    default:
        return lease_error_new(fault, context);
    }
}
