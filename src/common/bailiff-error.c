/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The error domain and its names on the bus. GDBus translates both ways with this table, so a
 * client that links with this layer gets the codes back.
 */
#include "common/bailiff-error.h"

#include <gio/gio.h>

#define BUS_PREFIX "org.bailiff.Error."

/* In the order of the codes: bailiff_error_bus_name() takes the code as the index, which the unit
 * test proves. */
static const GDBusErrorEntry error_entries[] = {
    { BAILIFF_ERROR_INVALID_ARGUMENT, BUS_PREFIX "InvalidArgument" },
    { BAILIFF_ERROR_NOT_FOUND, BUS_PREFIX "NotFound" },
    { BAILIFF_ERROR_ALREADY_EXISTS, BUS_PREFIX "AlreadyExists" },
    { BAILIFF_ERROR_NOT_AUTHORIZED, BUS_PREFIX "NotAuthorized" },
    { BAILIFF_ERROR_NOT_JOINED, BUS_PREFIX "NotJoined" },
    { BAILIFF_ERROR_HELD, BUS_PREFIX "Held" },
    { BAILIFF_ERROR_HOST_ID_BUSY, BUS_PREFIX "HostIdBusy" },
    { BAILIFF_ERROR_HOST_ID_CONFLICT, BUS_PREFIX "HostIdConflict" },
    { BAILIFF_ERROR_CORRUPT, BUS_PREFIX "Corrupt" },
    { BAILIFF_ERROR_UNSUPPORTED, BUS_PREFIX "Unsupported" },
    { BAILIFF_ERROR_IO_TIMEOUT, BUS_PREFIX "IoTimeout" },
    { BAILIFF_ERROR_IO_ERROR, BUS_PREFIX "IoError" },
    { BAILIFF_ERROR_POLICY_TOO_LONG, BUS_PREFIX "PolicyTooLong" },
    { BAILIFF_ERROR_BUSY, BUS_PREFIX "Busy" },
    { BAILIFF_ERROR_LOST, BUS_PREFIX "Lost" },
};

G_STATIC_ASSERT(G_N_ELEMENTS(error_entries) == BAILIFF_ERROR_COUNT);

GQuark bailiff_error_quark(void)
{
    static gsize quark;

    g_dbus_error_register_error_domain("bailiff-error-quark", &quark, error_entries,
                                       G_N_ELEMENTS(error_entries));
    return (GQuark)quark;
}

const char *bailiff_error_bus_name(BailiffError code)
{
    /* A code from elsewhere still needs a name that clients know: the one that promises least. */
    if ((unsigned)code >= G_N_ELEMENTS(error_entries))
        return BUS_PREFIX "IoError";
    return error_entries[code].dbus_error_name;
}

static GError *make_error(BailiffError code, const char *cure, const char *cause_format,
                          va_list arguments) G_GNUC_PRINTF(3, 0);

static GError *make_error(BailiffError code, const char *cure, const char *cause_format,
                          va_list arguments)
{
    g_autofree char *cause = g_strdup_vprintf(cause_format, arguments);
    g_autofree char *message = g_strconcat(cause, "\n", cure, NULL);

    return g_error_new_literal(BAILIFF_ERROR, (int)code, message);
}

void bailiff_set_error(GError **error, BailiffError code, const char *cure,
                       const char *cause_format, ...)
{
    va_list arguments;

    if (error == NULL)
        return;
    va_start(arguments, cause_format);
    g_propagate_error(error, make_error(code, cure, cause_format, arguments));
    va_end(arguments);
}

GError *bailiff_error_make(BailiffError code, const char *cure, const char *cause_format, ...)
{
    va_list arguments;
    GError *made;

    va_start(arguments, cause_format);
    made = make_error(code, cure, cause_format, arguments);
    va_end(arguments);
    return made;
}

char *bailiff_error_in_one_line(const char *message)
{
    return g_strdelimit(g_strdup(message), "\n", ' ');
}
