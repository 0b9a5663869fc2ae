/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/policy-option.h"

#include <glib/gi18n.h>
#include <string.h>

#include "ctl/exit-status.h"
#include "failure/failure-policy-parser.h"
#include "failure/policy-fault-text.h"

static void set_fault(FailurePolicyFault fault, const char *text, size_t position, GError **error)
{
    char word[POLICY_FAULT_WORD_MAX];
    char sum[POLICY_FAULT_SUM_MAX];
    FailurePolicy policy;

    policy_fault_print_word(text, position, word);
    if (fault == FAILURE_POLICY_TOO_LONG &&
        failure_policy_read(&policy, text, NULL) == FAILURE_POLICY_OK) {
        policy_fault_print_sum(&policy, sum);
        ctl_set_error(error, CTL_EXIT_USAGE, _(policy_fault_cure(fault)),
                      _("The graces of the failure policy take %s, but %s."), sum,
                      _(policy_fault_what(fault)));
    } else if (word[0] == '\0') {
        ctl_set_error(error, CTL_EXIT_USAGE, _(policy_fault_cure(fault)),
                      _("Failure policy, character %zu: %s."), position + 1,
                      _(policy_fault_what(fault)));
    } else {
        ctl_set_error(error, CTL_EXIT_USAGE, _(policy_fault_cure(fault)),
                      _("Failure policy, character %zu ('%s'): %s."), position + 1, word,
                      _(policy_fault_what(fault)));
    }
}

gboolean policy_option_parse(FailurePolicy *ret, const char *text, GError **error)
{
    size_t position = 0;
    FailurePolicyFault fault = failure_policy_parse(ret, text, &position);

    if (fault == FAILURE_POLICY_OK)
        return TRUE;
    set_fault(fault, text, position, error);
    return FALSE;
}

static GVariant *step_options(const FailurePolicy *policy, const FailureStep *step)
{
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    if (step->action == FAILURE_ACTION_SIGNAL)
        g_variant_dict_insert(&options, "signal", "s", failure_signal_name(step->signal_number));
    if (step->action == FAILURE_ACTION_EXEC) {
        const char *arguments[FAILURE_PROGRAM_WORDS_MAX] = { NULL };
        for (gsize i = 1; i < step->n_words; i++)
            arguments[i - 1] = failure_policy_get_word(policy, step, i);
        g_variant_dict_insert(&options, "program", "s", failure_policy_get_word(policy, step, 0));
        g_variant_dict_insert(&options, "arguments", "^as", arguments);
    }
    return g_variant_dict_end(&options);
}

void policy_add_options(GVariantDict *options, const FailurePolicy *policy)
{
    FailureRecovery recovery = failure_policy_get_recovery(policy);
    g_auto(GVariantBuilder) steps = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(sua{sv})"));
    for (size_t i = 0; i < policy->n_steps; i++) {
        const FailureStep *step = &policy->steps[i];
        g_variant_builder_add(&steps, "(su@a{sv})", failure_action_name(step->action),
                              step->grace_seconds, step_options(policy, step));
    }
    g_variant_dict_insert_value(options, "failure-policy", g_variant_builder_end(&steps));
    if (recovery != FAILURE_RECOVERY_LEAVE)
        g_variant_dict_insert(options, "on-recovery", "s", failure_recovery_name(recovery));
}

/* FALSE when it has what this program does not know, or cannot hold. */
static gboolean step_from_variant(GVariant *variant, FailurePolicy *policy)
{
    const char *action, *word;
    guint32 grace;
    g_autoptr(GVariant) options = NULL;
    g_autofree const char **arguments = NULL;
    g_variant_get(variant, "(&su@a{sv})", &action, &grace, &options);
    FailureStep step = { .action = failure_action_from_name(action), .grace_seconds = grace };
    if (step.action == FAILURE_ACTION_COUNT)
        return FALSE;
    if (step.action == FAILURE_ACTION_SIGNAL) {
        if (!g_variant_lookup(options, "signal", "&s", &word))
            return FALSE;
        step.signal_number = failure_signal_from_name(word);
    }
    if (step.action == FAILURE_ACTION_EXEC) {
        if (!g_variant_lookup(options, "program", "&s", &word) ||
            !failure_policy_add_word(policy, &step, word))
            return FALSE;
        (void)g_variant_lookup(options, "arguments", "^a&s", &arguments);
        for (gsize i = 0; arguments && arguments[i]; i++)
            if (!failure_policy_add_word(policy, &step, arguments[i]))
                return FALSE;
    }
    policy->steps[policy->n_steps++] = step;
    return TRUE;
}

static gboolean policy_from_variant(GVariant *steps, FailurePolicy *ret)
{
    *ret = (FailurePolicy){ 0 };
    for (gsize i = 0; i < g_variant_n_children(steps); i++) {
        g_autoptr(GVariant) step = g_variant_get_child_value(steps, i);
        if (i == FAILURE_POLICY_MAX_STEPS || !step_from_variant(step, ret))
            return FALSE;
    }
    return TRUE;
}

/* The actions and seconds, whatever they may mean. */
static void append_foreign_steps(GString *text, GVariant *steps)
{
    for (gsize i = 0; i < g_variant_n_children(steps); i++) {
        const char *action;
        guint32 grace;
        g_variant_get_child(steps, i, "(&su@a{sv})", &action, &grace, NULL);
        g_string_append_printf(text, "%s%s", i ? ", " : "", action);
        if (grace)
            g_string_append_printf(text, " %us", grace);
    }
}

char *policy_variant_text(GVariant *steps, const char *on_recovery)
{
    GString *text = g_string_new(NULL);
    FailurePolicy policy;
    if (!steps || !g_variant_is_of_type(steps, G_VARIANT_TYPE("a(sua{sv})")))
        return g_string_free(text, FALSE);
    if (policy_from_variant(steps, &policy)) {
        char printed[FAILURE_POLICY_TEXT_MAX];
        failure_policy_print(&policy, printed);
        g_string_append(text, printed);
    } else {
        append_foreign_steps(text, steps);
    }
    /* What is left as it is, or said by the steps, is not said again. */
    if (on_recovery && strcmp(on_recovery, "leave") != 0 &&
        !failure_policy_has_action(&policy, FAILURE_ACTION_RESTART))
        g_string_append_printf(text, "; on-recovery %s", on_recovery);
    return g_string_free(text, FALSE);
}

gboolean policy_is_ignore(const FailurePolicy *policy)
{
    return policy->n_steps == 1 && policy->steps[0].action == FAILURE_ACTION_IGNORE;
}
