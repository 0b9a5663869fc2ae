/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a domain's target and the actions on domains ask of libvirt and hear from it. UUIDs are in
 * normal form.
 */
#pragma once

#include "actions/libvirt.h"
#include "actions/libvirt-calls.h"

/* virDomainState, as far as it matters. */
typedef enum LibvirtState {
    LIBVIRT_STATE_UNKNOWN = -1,
    LIBVIRT_STATE_RUNNING = 1,
    LIBVIRT_STATE_BLOCKED = 2, /* runs, and waits for something */
    LIBVIRT_STATE_PAUSED = 3,
    LIBVIRT_STATE_OFF = 5,
    LIBVIRT_STATE_CRASHED = 6, /* its guest has; kept, and stands still */
} LibvirtState;

/* "running", "paused", ...: for people. */
const char *libvirt_state_name(LibvirtState state);

typedef enum LibvirtNews {
    LIBVIRT_NEWS_PID_FILE,  /* its pid file may be another one */
    LIBVIRT_NEWS_RUNS,      /* libvirt says that it was started or resumed */
    LIBVIRT_NEWS_HEARTBEAT, /* events may have been missed: look */
    LIBVIRT_NEWS_CALL_ENDED /* a change of it is not on its way any more */
} LibvirtNews;

typedef void (*LibvirtNewsFunc)(LibvirtNews news, gpointer user_data);

typedef struct LibvirtWatch LibvirtWatch;

/* A domain is of interest from now on: while there is any, libvirt is asked for a sign of life now
 * and then, without which it sends no events (test-environment facts, section 4, hazard 1). The
 * news come from the main loop, never from within a call. */
LibvirtWatch *libvirt_watch_new(BailiffLibvirt *self, const char *uuid, const char *name,
                                LibvirtNewsFunc func, gpointer user_data);
/* `quick`: an event that is missed would cost much, so the heartbeat comes more often. */
void libvirt_watch_set_quick(LibvirtWatch *watch, gboolean quick);
void libvirt_watch_free(LibvirtWatch *watch);

/* The directory of pid files; the name of the driver. */
const char *libvirt_get_run_dir(BailiffLibvirt *self);
/* TRUE when domains are QEMU's, so that LIBVIRT_ASK_QEMU means something. */
gboolean libvirt_is_qemu(BailiffLibvirt *self);

LibvirtCalls *libvirt_get_calls(BailiffLibvirt *self);

/* The domain's state, asked for after the call of this. A question that is stuck behind others is
 * asked again every half second (section 4, hazard 2: it may take 5 s, and the next one 2 ms); the
 * first answer counts. LIBVIRT_STATE_UNKNOWN with an error as libvirt_calls_start() has it. */
void libvirt_get_state_async(BailiffLibvirt *self, const char *uuid, guint limit_ms,
                             GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer user_data);
LibvirtState libvirt_get_state_finish(GAsyncResult *result, GError **error);

/* Done when none of `methods` for this domain is waiting, out or adrift any more. Only Cancelled.
 */
void libvirt_settle_async(BailiffLibvirt *self, const char *uuid, guint methods,
                          GCancellable *cancellable, GAsyncReadyCallback callback,
                          gpointer user_data);
gboolean libvirt_settle_finish(GAsyncResult *result, GError **error);
