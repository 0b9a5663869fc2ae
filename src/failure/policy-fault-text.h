/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The words for failure policies that are refused: the same for what is typed, for configuration
 * files and for what comes by D-Bus.
 */
#pragma once

#include <stddef.h>

#include "failure/failure-policy.h"

/* What is wrong, to stand behind its place and a colon, and what to do. FAILURE_POLICY_TOO_LONG has
 * a sum besides, and FAILURE_POLICY_OK and UNFIT_ACTION have nothing: "" then. */
const char *policy_fault_what(FailurePolicyFault fault);
const char *policy_fault_cure(FailurePolicyFault fault);

/* Longest of those below, with NUL. */
#define POLICY_FAULT_WORD_MAX 48u
#define POLICY_FAULT_SUM_MAX 256u

/* The word of a policy's text that begins at byte `position`, up to a blank, comma or semicolon: no
 * longer than the buffer, and "?" for each byte that is not printable ASCII. "" at the end. */
void policy_fault_print_word(const char *text, size_t position, char word[POLICY_FAULT_WORD_MAX]);

/* "30 + 11 = 41 seconds": the graces of all steps that have one. Returns the length. */
size_t policy_fault_print_sum(const FailurePolicy *policy, char sum[POLICY_FAULT_SUM_MAX]);
