/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looks at programs as the caller, who is known by now, and whom they will run as.
 */
#include "dbus/program-check.h"

#include "engine/policy-programs.h"

static void on_checked(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;

    if (bailiff_engine_check_programs_finish(BAILIFF_ENGINE(source), result, &error))
        call->act(call);
    else
        method_call_fail(call, error);
}

void program_check(MethodCall *call, const FailurePolicy *policy, MethodCallAct act)
{
    if (policy == NULL || !bailiff_policy_has_programs(policy)) {
        act(call);
        return;
    }
    call->act = act;
    bailiff_engine_check_programs_async(bailiff_bus_service_get_engine(call->service), policy,
                                        call->uid, call->caller_gone, on_checked, call);
}
