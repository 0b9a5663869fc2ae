/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/policy-option.h"

#include <glib/gi18n.h>

#include "ctl/exit-status.h"
#include "failure/failure-policy-parser.h"

static const char *fault_text(FailurePolicyFault fault)
{
    switch (fault) {
    case FAILURE_POLICY_EMPTY:
        return _("the failure policy is empty");
    case FAILURE_POLICY_TOO_MANY_STEPS:
        return _("the failure policy has too many steps");
    case FAILURE_POLICY_UNKNOWN_ACTION:
        return _("there is no such action");
    case FAILURE_POLICY_BAD_GRACE:
        return _("this is no number of seconds that the action can have");
    case FAILURE_POLICY_BAD_SIGNAL:
        return _("there is no such signal (to kill, write 'kill')");
    case FAILURE_POLICY_NO_FINAL_KILL:
        return _("the last step has to be kill");
    case FAILURE_POLICY_STEP_AFTER_END:
        return _("nothing can follow kill, and ignore stands alone");
    default:
        return _("a step is an action, perhaps a signal, and seconds");
    }
}

gboolean policy_option_parse(FailurePolicy *ret, const char *text, GError **error)
{
    size_t position = 0;
    FailurePolicyFault fault = failure_policy_parse(ret, text, &position);
    if (fault == FAILURE_POLICY_OK)
        return TRUE;
    if (fault == FAILURE_POLICY_TOO_LONG) {
        ctl_set_error(error, CTL_EXIT_USAGE, _("Shorten the graces."),
                      _("The graces of the failure policy '%s' are together longer than the %u "
                        "seconds that there are."),
                      text, FAILURE_BUDGET_SECONDS);
        return FALSE;
    }
    ctl_set_error(
        error, CTL_EXIT_USAGE, _("Write it as in --failure-policy 'signal TERM 10s, kill'."),
        _("Failure policy '%s', character %zu: %s."), text, position + 1, fault_text(fault));
    return FALSE;
}

GVariant *policy_to_variant(const FailurePolicy *policy)
{
    g_auto(GVariantBuilder) steps = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(sua{sv})"));
    for (size_t i = 0; i < policy->n_steps; i++) {
        const FailureStep *step = &policy->steps[i];
        g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
        if (step->action == FAILURE_ACTION_SIGNAL)
            g_variant_dict_insert(&options, "signal", "s",
                                  failure_signal_name(step->signal_number));
        g_variant_builder_add(&steps, "(su@a{sv})", failure_action_name(step->action),
                              step->grace_seconds, g_variant_dict_end(&options));
    }
    return g_variant_builder_end(&steps);
}

char *policy_variant_text(GVariant *policy)
{
    GString *text = g_string_new(NULL);
    if (!policy || !g_variant_is_of_type(policy, G_VARIANT_TYPE("a(sua{sv})")))
        return g_string_free(text, FALSE);
    for (gsize i = 0; i < g_variant_n_children(policy); i++) {
        const char *action, *signal_name;
        guint32 grace;
        g_autoptr(GVariant) options = NULL;
        g_variant_get_child(policy, i, "(&su@a{sv})", &action, &grace, &options);
        g_string_append_printf(text, "%s%s", i ? ", " : "", action);
        if (g_variant_lookup(options, "signal", "&s", &signal_name))
            g_string_append_printf(text, " %s", signal_name);
        if (grace)
            g_string_append_printf(text, " %us", grace);
    }
    return g_string_free(text, FALSE);
}

gboolean policy_is_ignore(const FailurePolicy *policy)
{
    return policy->n_steps == 1 && policy->steps[0].action == FAILURE_ACTION_IGNORE;
}
