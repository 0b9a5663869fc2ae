/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text form of a failure policy: "signal TERM 10s, kill". The same in CLI, configuration and
 * logs; print(parse(x)) is the normal form.
 *
 *   policy   = step *( "," step ) [ ";" "on-recovery" recovery ]
 *   step     = action [ argument ] [ seconds ]      blanks between the words
 *   seconds  = 1*DIGIT [ "s" ]                      no unit means seconds
 *   argument: for `signal`, the signal's name or number; for `exec`, 1 to 16 words, the first of
 *             them the absolute path of a program
 *   word     = bare / quoted
 *   bare     = 1*( anything but blanks, "," ";" <"> "\" and control characters )
 *   quoted   = <"> *( "\\" / "\" <"> / anything else but control characters ) <">
 *   recovery = "leave" / "resume" / "restart"
 *
 * The last word of an `exec` is its seconds if it is bare and looks like them. An action without
 * seconds has 0 of them, or FAILURE_DEFAULT_GRACE_SECONDS if it is one that takes time.
 */
#pragma once

#include <stddef.h>

#include "failure/failure-policy.h"

/* Parses and checks. `ret_position` (may be NULL): byte offset of the offence in `text`.
 * *ret is untouched on failure. */
FailurePolicyFault failure_policy_parse(FailurePolicy *ret, const char *text, size_t *ret_position);

/* Parses only: what the words say, be it good or not (failure_policy_check() tells). */
FailurePolicyFault failure_policy_read(FailurePolicy *ret, const char *text, size_t *ret_position);

/* The grace of an action that takes time when the text names none. */
#define FAILURE_DEFAULT_GRACE_SECONDS 10u

/* Longest text of a policy, with NUL. A step has an action, a signal and seconds; the words of
 * programs may grow to twice their bytes (all escaped, with the NUL and the blank between words
 * against the quotes) and one blank for each word; then the recovery. */
#define FAILURE_POLICY_TEXT_MAX                                                                    \
    (FAILURE_POLICY_MAX_STEPS * (32u + FAILURE_PROGRAM_WORDS_MAX) +                                \
     2u * FAILURE_POLICY_WORDS_BYTES + 32u)

/* Prints into `text`; returns the length, always less than FAILURE_POLICY_TEXT_MAX. Of a policy
 * that failure_policy_check() refuses the end may be missing. */
size_t failure_policy_print(const FailurePolicy *policy, char text[FAILURE_POLICY_TEXT_MAX]);

/* One step of it, as it stands in that text. */
size_t failure_policy_print_step(const FailurePolicy *policy, size_t step,
                                 char text[FAILURE_POLICY_TEXT_MAX]);
