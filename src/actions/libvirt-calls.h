/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was asked of libvirt and is not answered yet.
 *
 * A call ends for its caller when that one gives it up, or at its limit. For libvirt it ends when
 * libvirt answers: one that was given up may still be carried out, minutes later, when a libvirtd
 * that stood still goes on (test-environment facts, section 4, hazard 4). So each call is in one of
 * these places:
 *
 *   waiting    not sent; giving it up takes it back, and nothing will ever come of it
 *   out        sent; it stays here until its reply comes, whoever waits for it
 *   adrift     sent, and the answer cannot come any more, since the bus or the owner of the name
 *              went; libvirtd may have it all the same. Only changes of a domain are kept here,
 *              until whoever has the name now has answered a call that was made afterwards.
 *
 * An answer of the new owner does not prove that nothing of the old one's is left in libvirtd, for
 * there is nobody who could prove that. It shows a libvirtd that works through what it is asked;
 * and what is left there stands in line for the same lock of the domain as all later changes. A
 * change that comes late is a nuisance (a domain paused or off which somebody wants to run), never
 * a danger: only Resume and Create make a domain run, and who declares one to be quiet or off first
 * sees that neither is here (action-pause.c, domain-target.c), and hears of it when it runs all the
 * same.
 *
 * How many are out at a time is bounded. The bus allows a connection 128 unanswered calls, and
 * whoever reaches that can make none to anybody; libvirt-dbus works on four at a time as it is.
 */
#pragma once

#include <gio/gio.h>

typedef enum LibvirtMethod {
    LIBVIRT_LIST_DOMAINS, /* of the connection: the only one without a domain */
    LIBVIRT_GET_NAME,
    LIBVIRT_GET_STATE,
    LIBVIRT_ASK_QEMU, /* a question that only the main loop of QEMU can answer */
    LIBVIRT_SUSPEND,
    LIBVIRT_RESUME,
    LIBVIRT_CREATE,
    LIBVIRT_DESTROY,
    LIBVIRT_METHOD_COUNT,
} LibvirtMethod;

#define LIBVIRT_METHOD_BIT(method) (1u << (method))
/* Those that make a domain run, and all that change it. */
#define LIBVIRT_STARTING (LIBVIRT_METHOD_BIT(LIBVIRT_RESUME) | LIBVIRT_METHOD_BIT(LIBVIRT_CREATE))
#define LIBVIRT_CHANGES                                                                            \
    (LIBVIRT_STARTING | LIBVIRT_METHOD_BIT(LIBVIRT_SUSPEND) | LIBVIRT_METHOD_BIT(LIBVIRT_DESTROY))

/* Never more than this many out at a time. */
#define LIBVIRT_CALLS_OUT_MAX 32

typedef struct LibvirtCalls LibvirtCalls;

/* A change of `uuid` leaves this table: it was answered, taken back, or was adrift and is over.
 * Comes from within: not the time to call anything here. */
typedef void (*LibvirtCallEnded)(const char *uuid, gpointer user_data);

/* `driver`: the last part of the path of the connection object. */
LibvirtCalls *libvirt_calls_new(const char *driver, LibvirtCallEnded ended, gpointer user_data);
/* Whoever waits gets Cancelled; `ended` is not called any more. */
void libvirt_calls_free(LibvirtCalls *self);

/* NULL: there is none, what waits fails. */
void libvirt_calls_set_bus(LibvirtCalls *self, GDBusConnection *bus);

/* `uuid` in normal form; NULL for LIST_DOMAINS. `limit_ms` 0: none. The reply has the type that the
 * method has on the bus. IoError with libvirt's words when it answers with an error, or is not
 * there; IoTimeout at the limit; G_IO_ERROR_CANCELLED. */
void libvirt_calls_start(LibvirtCalls *self, LibvirtMethod method, const char *uuid, guint limit_ms,
                         GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data);
GVariant *libvirt_calls_finish(GAsyncResult *result, GError **error);

/* TRUE while one of `methods` (bits) for `uuid` is waiting, out or adrift. */
gboolean libvirt_calls_has(LibvirtCalls *self, const char *uuid, guint methods);

/* The number of the next call that goes adrift. What went adrift below it is over (ended), once a
 * call that was started after this number was asked for has been answered. */
guint64 libvirt_calls_next_adrift(LibvirtCalls *self);
void libvirt_calls_end_adrift(LibvirtCalls *self, guint64 below);

/* "/org/libvirt/QEMU", owned by the table. */
const char *libvirt_calls_get_path(LibvirtCalls *self);
/* Of a domain; of the connection for NULL. */
char *libvirt_calls_make_path(LibvirtCalls *self, const char *uuid);
