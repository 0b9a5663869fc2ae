/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How one bailiffd follows another without a lease being lost: by executing its program anew, by
 * taking the place of one that runs, or after one that has ended in whatever way.
 *
 * What there is to go on with is in the runtime directory (engine/succession.h); this is about the
 * processes.
 */
#pragma once

#include <gio/gio.h>

#include "actions/launcher.h"
#include "common/fd-store.h"
#include "dbus/bus-service.h"
#include "engine/engine.h"
#include "engine/instance-lock.h"

/* At the very start, before there is anything else: what is needed to do the same again. */
void continuity_note_program(char **argv);

/* SIGTERM came while this process departs: it is for the program that is executed. That one calls
 * continuity_take_signals() once it can be stopped. */
void continuity_stop_later(void);
void continuity_take_signals(void);
/* It does not depart, or not any more: one that came meanwhile is for this one. */
void continuity_stop_now(void);

typedef struct ContinuityWish {
    const char *runtime_dir;
    gboolean replace;
    GBusType bus;
    BailiffEngine *engine; /* prepared: nothing else can fail */
    const GError *unfit;   /* why it should not replace one that runs; NULL: nothing */
} ContinuityWish;

/* The lock on the runtime directory: ours, or to be ours when the one who has it has ended. Where
 * another bailiffd runs: with `replace` it is asked, on `bus`, to hand over, after everything was
 * tried that could keep this one from going on, and waited for, as long as it takes; one that ends,
 * and is off the bus, is waited for, some seconds; else AlreadyExists, naming it.
 * Blocks; for the start. */
InstanceLock *continuity_take_place(const ContinuityWish *wish, GError **error);

/* Somebody is there to take the place of the one that has `lock`, and waits for its end; Busy. */
gboolean continuity_check_successor(InstanceLock *lock, GError **error);

/* The program can be executed, as far as that can be known; IoError. */
gboolean continuity_check_program(GError **error);

/* What the program before has kept, for fd_store_new(); -1: nothing. Once. */
int continuity_take_descriptors(void);

/* The same of its launcher, for launcher_new_given(). */
char *continuity_take_launcher(void);

/* Leaves the bus when what was said there is out, then executes the program anew, or ends the
 * process (`hand_over`). Does not return to anything that counts: when the program cannot be
 * executed, or nobody is there any more to take over, `failed` is called, off the bus, with I/O
 * still held back. */
typedef void (*ContinuityFailed)(const GError *error, gpointer user_data);
void continuity_depart(BailiffBusService *service, InstanceLock *lock, FdStore *store,
                       Launcher *launcher, gboolean hand_over, ContinuityFailed failed,
                       gpointer user_data);
