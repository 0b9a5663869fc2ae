/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A double of org.libvirt on a bus of its own, with one domain whose QEMU is a real process with
 * the command line of one. Each method can do as it should, answer with an error, say that it has
 * done what it has not, or be held until the test lets it go on: it then does it, however late.
 *
 * As the real one it sends no event before it was called.
 */
#pragma once

#include <gio/gio.h>

#include "actions/libvirt-domain.h"
#include "actions/target.h"
#include "common/process-identity.h"
#include "support/wait-for.h"

#define DOUBLE_UUID "6695eb01-f6a4-8304-79aa-97f2502e193f"
#define DOUBLE_NAME "guest, one"

typedef enum DoubleManner {
    DOUBLE_DOES, /* it, and says so */
    DOUBLE_FAILS,
    DOUBLE_LIES, /* says so only */
    DOUBLE_HOLDS,
} DoubleManner;

typedef struct LibvirtDouble {
    GTestDBus *bus;
    GDBusConnection *client; /* for whoever is tested */
    GDBusConnection *server; /* NULL: libvirt is not there */
    BailiffLibvirt *libvirt; /* on `client` */
    char *run_dir;
    DoubleManner manners[LIBVIRT_METHOD_COUNT];
    GQueue held[LIBVIRT_METHOD_COUNT]; /* of GDBusMethodInvocation */
    guint n_calls[LIBVIRT_METHOD_COUNT];
    gboolean was_called; /* since it came */
    gboolean destroy_leaves_process;
    int state;
    GPid qemu; /* 0: none */
    int qemu_stdin;
} LibvirtDouble;

LibvirtDouble *libvirt_double_new(void);
/* Also ends the process, and sees that nobody else has a reference to `libvirt`. */
void libvirt_double_free(LibvirtDouble *self);

/* It comes, as another owner of the name; goes. Waits until the bus has told. */
void libvirt_double_come(LibvirtDouble *self);
void libvirt_double_go(LibvirtDouble *self);

/* The client's connection is lost, with what it has out; there is another one. */
void libvirt_double_lose_bus(LibvirtDouble *self);
void libvirt_double_find_bus(LibvirtDouble *self);

/* Does what a held call asks for, and answers. */
void libvirt_double_let_go_on(LibvirtDouble *self, LibvirtMethod method);

/* DomainEvent, if anybody has called since it came. */
void libvirt_double_emit(LibvirtDouble *self, int event, int detail);

/* A process with QEMU's arguments; `uuid` NULL: none among them. It ends with
 * libvirt_double_end_qemu.
 */
void libvirt_double_start_qemu(LibvirtDouble *self, const char *uuid);
/* The same as a target that has asked the double about itself; counts how often it was "resumed".
 */
BailiffTarget *libvirt_double_make_target(LibvirtDouble *self, guint *n_resumed);
void libvirt_double_write_pid_file(LibvirtDouble *self, const char *content);
void libvirt_double_end_qemu(LibvirtDouble *self);

/* Until all that was sent to the double and back so far has arrived. */
void libvirt_double_round_trip(LibvirtDouble *self);

/* For g_cancellable, GAsyncResult: keeps the result. */
void libvirt_double_keep_result(GObject *source, GAsyncResult *result, gpointer user_data);
