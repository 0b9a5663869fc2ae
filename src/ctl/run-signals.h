/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The signals that `bailiffctl run` passes on, and those of its children, in the main loop.
 *
 * Handlers, not a blocked mask: GDBus' thread exists before they are needed, and would take a
 * process' signals with their default action if they were only blocked here. Until the handlers are
 * installed the default actions hold, which is right: no command runs yet.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct RunSignal {
    int number;
    gboolean from_terminal; /* the kernel sent it to the whole foreground process group */
} RunSignal;

typedef void (*RunSignalFunc)(const RunSignal *signal, gpointer data);

/* Signals that were ignored when the program started stay so (nohup). To be called once. */
gboolean run_signals_install(RunSignalFunc func, gpointer data, GError **error);

/* Around a fork: no handler may run in the child before it has been undone there. */
void run_signals_hold(void);
void run_signals_let_go(void);
/* In the child, before exec: everything as it was when the program was started. */
void run_signals_undo_in_child(void);

/* At the start of main(): notes what GIO changes (it ignores SIGPIPE for the whole process). */
void run_signals_note(void);
