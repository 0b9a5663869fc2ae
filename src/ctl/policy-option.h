/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Failure policies between the text that people type and the bus: a(sua{sv}).
 */
#pragma once

#include <glib.h>

#include "failure/failure-policy.h"

/* Usage errors say where in the text the offence is. */
gboolean policy_option_parse(FailurePolicy *ret, const char *text, GError **error);

/* Puts the policy into the options of a call that registers: failure-policy, and on-recovery unless
 * nothing is to be done then. */
void policy_add_options(GVariantDict *options, const FailurePolicy *policy);

/* The text of a policy as the bus has it: the steps, an a(sua{sv}), and what is done on recovery;
 * either may be NULL. Also of one with actions that this program does not know. */
char *policy_variant_text(GVariant *steps, const char *on_recovery);

/* TRUE when its holder is to go on running whatever happens. */
gboolean policy_is_ignore(const FailurePolicy *policy);
