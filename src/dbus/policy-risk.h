/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a failure policy asks for besides a registration: steps that reach beyond the target.
 */
#pragma once

#include "failure/failure-policy.h"

/* Bits of PolkitAction. NULL: no policy, so one that the administrator has chosen. */
unsigned policy_risk(const FailurePolicy *policy);
