/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A look at the programs of a failure policy, on the way of a method call that brings one.
 */
#pragma once

#include "dbus/method-call.h"
#include "failure/failure-policy.h"

/* Calls `act`, at once where there is no program to look at, when the caller could run all programs
 * of `policy` (NULL: there is none; of the call's arguments, or as long-lived as they are); else
 * fails the call. What was found before may be gone by then. */
void program_check(MethodCall *call, const FailurePolicy *policy, MethodCallAct act);
