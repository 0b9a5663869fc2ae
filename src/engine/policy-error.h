/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sentence for a failure policy that is refused, with the arithmetic where it is too long.
 */
#pragma once

#include <glib.h>

#include "failure/failure-policy.h"

/* TRUE when the policy is good and fits such a target; else sets InvalidArgument, Unsupported
 * (good, but not for this target) or PolicyTooLong. Steps are counted from 1 in what it says. */
gboolean bailiff_failure_policy_check(const FailurePolicy *policy, FailureTarget target,
                                      GError **error);

/* The same for the text form; *ret is untouched on failure. */
gboolean bailiff_failure_policy_from_text(FailurePolicy *ret, const char *text,
                                          FailureTarget target, GError **error);
