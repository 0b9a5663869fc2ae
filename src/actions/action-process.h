/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals to a registered process, by pidfd.
 *
 * A process may stand for the whole tree below it (`descendants`, see process-tree.h): `signal`
 * goes to the process alone, which passes it on as it sees fit; `kill` goes to the descendants
 * first and to the process last, so that the tree cannot lose its root while members of it live.
 */
#pragma once

#include <glib.h>

#include "common/process-identity.h"
#include "common/process-tree.h"

/* FALSE with an error when it could not be sent (the process ended, or no right to). */
gboolean action_process_signal(const ProcessIdentity *process, int signal_number, GError **error);

/* SIGKILL. FALSE with an error when something could not be killed. Call it again until the process
 * has ended: with descendants it does a bounded part of the work (Busy: the tree is stopped, and
 * some of it lives), and TRUE says that the process itself, the last of all, was killed. */
gboolean action_process_kill(const ProcessIdentity *process, gboolean descendants, GError **error);

/* The same with descendants. Where `known` holds NULL it is given the tree that was found: who is in
 * it is to be seen to end, whatever becomes of the root. */
gboolean action_process_kill_tree(const ProcessIdentity *root, ProcessTree **known, GError **error);
