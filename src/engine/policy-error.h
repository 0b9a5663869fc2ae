/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sentence for a failure policy that is refused, with the arithmetic where it is too long.
 */
#pragma once

#include <glib.h>

#include "failure/failure-policy.h"

/* TRUE when the policy is good and fits a process; else sets InvalidArgument, Unsupported or
 * PolicyTooLong. */
gboolean bailiff_failure_policy_check(const FailurePolicy *policy, GError **error);
