/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one error domain. Each code is an org.bailiff.Error.NAME on the bus; each message is two
 * lines: what is the cause, and what to do.
 */
#pragma once

#include <glib.h>

#define BAILIFF_ERROR (bailiff_error_quark())

typedef enum BailiffError {
    BAILIFF_ERROR_INVALID_ARGUMENT,
    BAILIFF_ERROR_NOT_FOUND,
    BAILIFF_ERROR_ALREADY_EXISTS,
    BAILIFF_ERROR_NOT_AUTHORIZED,
    BAILIFF_ERROR_NOT_JOINED,
    BAILIFF_ERROR_HELD,             /* by another host or registration, which the text names */
    BAILIFF_ERROR_HOST_ID_BUSY,     /* a live host holds this host id */
    BAILIFF_ERROR_HOST_ID_CONFLICT, /* somebody else wrote our host lease */
    BAILIFF_ERROR_CORRUPT,
    BAILIFF_ERROR_UNSUPPORTED,
    BAILIFF_ERROR_IO_TIMEOUT,
    BAILIFF_ERROR_IO_ERROR,
    BAILIFF_ERROR_POLICY_TOO_LONG,
    BAILIFF_ERROR_BUSY,
    BAILIFF_ERROR_LOST, /* the lockspace's lease is lost, or too old to act on */
    BAILIFF_ERROR_COUNT,
} BailiffError;

GQuark bailiff_error_quark(void);

/* "org.bailiff.Error.Held" … for the code. The domain is registered with GDBus, so errors cross the
 * bus by themselves once bailiff_error_quark() was called. */
const char *bailiff_error_bus_name(BailiffError code);

/* Sets an error whose message is "cause\ncure". `cure` is plain text (no format); `cause` a format.
 * Texts are complete sentences. */
void bailiff_set_error(GError **error, BailiffError code, const char *cure,
                       const char *cause_format, ...) G_GNUC_PRINTF(4, 5);
GError *bailiff_error_make(BailiffError code, const char *cure, const char *cause_format, ...)
    G_GNUC_PRINTF(3, 4);

/* The same text as one line, for logs; free it. */
char *bailiff_error_in_one_line(const char *message);
