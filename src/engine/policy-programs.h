/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the programs of a failure policy could be run, asked before it is accepted: on the day
 * that it is walked it is too late to hear that a name was misspelt.
 *
 * It is a look at the moment. A program that is changed or removed later makes its step fail, and
 * the next one is due at once.
 */
#pragma once

#include "engine/engine.h"

gboolean bailiff_policy_has_programs(const FailurePolicy *policy);

/* As `uid`; done within a second. `policy` is one that bailiff_failure_policy_check() likes, and is
 * borrowed for the call. The error is that of the first program which could not be run: those of
 * launcher_check_async(), with the step's number, counted from 1. */
void bailiff_engine_check_programs_async(BailiffEngine *self, const FailurePolicy *policy,
                                         uid_t uid, GCancellable *cancellable,
                                         GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_engine_check_programs_finish(BailiffEngine *self, GAsyncResult *result,
                                              GError **error);
