/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a registration stands for and actions are done to: a process (with all below it, where that
 * was asked for), a systemd unit, a libvirt domain.
 *
 * A target knows how to end and when it has ended; what else can be done to it (pause, stop-unit,
 * ...) is an action's matter, which knows the one kind it is for. All in the main loop's thread;
 * nothing here blocks.
 */
#pragma once

#include <gio/gio.h>

#include "actions/kill-guard.h"
#include "common/process-identity.h"
#include "failure/failure-policy.h"

/*
 * Signals:
 *   ended ()            it has ended, which is proved (has_ended): emitted once for each end
 *   process-changed ()  get_process() tells something else; the guard's target is another one
 *   resumed ()          a domain that an action paused runs again, by somebody else's doing
 */
#define BAILIFF_TYPE_TARGET (bailiff_target_get_type())
G_DECLARE_DERIVABLE_TYPE(BailiffTarget, bailiff_target, BAILIFF, TARGET, GObject)

struct _BailiffTargetClass {
    GObjectClass parent_class;

    FailureTarget kind;

    /* See the public functions. */
    const ProcessIdentity *(*get_process)(BailiffTarget *self);
    gboolean (*has_ended)(BailiffTarget *self);
    gboolean (*signal)(BailiffTarget *self, int signal_number, GError **error);
    gboolean (*kill)(BailiffTarget *self, GError **error);
    void (*prepare_to_fail)(BailiffTarget *self); /* may be NULL */
    void (*fill_guard)(BailiffTarget *self, KillGuardTarget *ret);
    void (*fill_record)(BailiffTarget *self, GKeyFile *file, const char *group);
};

FailureTarget bailiff_target_get_kind(BailiffTarget *self);

/* "process 812", "unit a.service", "domain 7c5e...": for messages. Owned by the target. */
const char *bailiff_target_get_description(BailiffTarget *self);

/* The one process that stands for it (a unit's main process, a domain's QEMU); NULL while there is
 * none or none is known. Borrowed, until process-changed. */
const ProcessIdentity *bailiff_target_get_process(BailiffTarget *self);

/* TRUE on proof only: no process of it lives, and nothing starts one by itself. A report of another
 * service is no proof. */
gboolean bailiff_target_has_ended(BailiffTarget *self);

/* To its process; to every process of a unit. FALSE with an error when it could not be sent. */
gboolean bailiff_target_signal(BailiffTarget *self, int signal_number, GError **error);

/* SIGKILL to all of it. Called again, once in a second at least, until it has ended. FALSE with an
 * error when something could not be killed (yet): Busy when it is to be taken up again in a tenth
 * of a second, since what was killed has yet to end before the rest can be. */
gboolean bailiff_target_kill(BailiffTarget *self, GError **error);

/* Its lease is lost, a failure policy begins: the moment to remember what may outlive its first
 * process. */
void bailiff_target_prepare_to_fail(BailiffTarget *self);

/* What the kill guard has to kill when the main loop does not. Descriptors stay the target's. */
void bailiff_target_fill_guard(BailiffTarget *self, KillGuardTarget *ret);

/* Writes what another daemon has to know to find it again into a held record. */
void bailiff_target_fill_record(BailiffTarget *self, GKeyFile *file, const char *group);

/* For the implementations. */
void bailiff_target_set_description(BailiffTarget *self, char *description); /* taken over */
void bailiff_target_emit_ended(BailiffTarget *self);
void bailiff_target_emit_process_changed(BailiffTarget *self);
void bailiff_target_emit_resumed(BailiffTarget *self);
