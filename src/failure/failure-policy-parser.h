/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text form of a failure policy: "signal TERM 10s, kill". The same in CLI, configuration and
 * logs; print(parse(x)) is the normal form.
 *
 *   policy = step *( "," step )
 *   step   = action [ argument ] [ seconds ]        blanks between the words
 *   seconds = 1*DIGIT [ "s" ]                       no unit means seconds; default 0
 *   argument: for `signal`, the signal's name or number
 */
#pragma once

#include <stddef.h>

#include "failure/failure-policy.h"

/* Parses and checks. `ret_position` (may be NULL): byte offset of the offence in `text`.
 * *ret is untouched on failure. */
FailurePolicyFault failure_policy_parse(FailurePolicy *ret, const char *text, size_t *ret_position);

/* Longest text of a policy, with NUL. */
#define FAILURE_POLICY_TEXT_MAX (FAILURE_POLICY_MAX_STEPS * 32u)

/* Prints into `text`; returns the length, always less than FAILURE_POLICY_TEXT_MAX. */
size_t failure_policy_print(const FailurePolicy *policy, char text[FAILURE_POLICY_TEXT_MAX]);
