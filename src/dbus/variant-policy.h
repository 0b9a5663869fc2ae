/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A failure policy as it crosses the bus: a(sua{sv}), for each step the action, the seconds of
 * grace and the action's options.
 */
#pragma once

#include <glib.h>

#include "failure/failure-policy.h"

/* A floating a(sua{sv}). */
GVariant *variant_policy_new(const FailurePolicy *policy);

/* Checks what the form can get wrong: the number of steps, unknown actions, unknown or missing
 * options, words that are no signal. Whether the steps make sense together is
 * bailiff_failure_policy_check()'s question. InvalidArgument names the step; *ret is untouched on
 * failure. `variant` must be an a(sua{sv}). */
gboolean variant_policy_parse(GVariant *variant, FailurePolicy *ret, GError **error);
