/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A failure policy as it crosses the bus: a(sua{sv}), for each step the action, the seconds of
 * grace and the action's options (signal: `signal` s; exec: `program` s, `arguments` as); and
 * beside it, as an option or a property of its own, what becomes of the target on recovery.
 */
#pragma once

#include <glib.h>

#include "failure/failure-policy.h"

/* The steps: a floating a(sua{sv}). What becomes of the target on recovery is told by
 * failure_recovery_name(failure_policy_get_recovery()). */
GVariant *variant_policy_new(const FailurePolicy *policy);

/* Checks what the form can get wrong: the number of steps, unknown actions, unknown or missing
 * options, words that are no signal, programs with too many words, unknown recoveries. Whether the
 * steps make sense together is bailiff_failure_policy_check()'s question. InvalidArgument names the
 * step, from 1 on; *ret is untouched on failure. `variant` must be an a(sua{sv}); `on_recovery` is
 * NULL when the option was not given. */
gboolean variant_policy_parse(GVariant *variant, const char *on_recovery, FailurePolicy *ret,
                              GError **error);
