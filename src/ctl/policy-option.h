/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Failure policies between the text that people type and the bus: a(sua{sv}).
 */
#pragma once

#include <glib.h>

#include "failure/failure-policy.h"

/* Usage errors say where in the text the offence is. */
gboolean policy_option_parse(FailurePolicy *ret, const char *text, GError **error);

/* a(sua{sv}); floating. */
GVariant *policy_to_variant(const FailurePolicy *policy);

/* The text of a policy as the bus has it, also of one with actions that this program does not know.
 */
char *policy_variant_text(GVariant *policy);

/* TRUE when its holder is to go on running whatever happens. */
gboolean policy_is_ignore(const FailurePolicy *policy);
