/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which polkit actions a method asks for: the table that the build makes of the annotations in the
 * interfaces. Sets of actions are bits, (1u << PolkitAction).
 */
#pragma once

#include <gio/gio.h>

#include "method-actions-generated.h"

#define POLKIT_BIT(action) (1u << (action))

/* Stands beside every set that is asked for: what no method may be called with. */
#define POLKIT_ALL (POLKIT_BIT(POLKIT_ACTION_COUNT) - 1u)

/* "org.bailiff.use-leases" */
const char *polkit_action_id(PolkitAction action);

/* What this call asks for: that of the method on what is the caller's own (`own`) or not, and that
 * of each option that raises the risk. FALSE: the table does not have the method. */
gboolean method_actions_of(GDBusMethodInvocation *invocation, gboolean own, guint *ret_actions);
