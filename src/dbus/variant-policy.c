/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * FailurePolicy <-> a(sua{sv}). What comes in is hostile: its length, its words and its options are
 * checked before anything of it is used.
 */
#include "dbus/variant-policy.h"

#include "common/bailiff-error.h"
#include "common/printable-word.h"
#include "dbus/variant-options.h"

static void add_program(GVariantBuilder *options, const FailurePolicy *policy,
                        const FailureStep *step)
{
    const char *program = failure_policy_get_word(policy, step, 0);
    GVariantBuilder arguments;

    g_variant_builder_init(&arguments, G_VARIANT_TYPE_STRING_ARRAY);
    for (size_t i = 1; i < step->n_words; i++) {
        const char *word = failure_policy_get_word(policy, step, i);
        g_variant_builder_add(&arguments, "s", word != NULL ? word : "");
    }
    g_variant_builder_add(options, "{sv}", "program",
                          g_variant_new_string(program != NULL ? program : ""));
    g_variant_builder_add(options, "{sv}", "arguments", g_variant_builder_end(&arguments));
}

GVariant *variant_policy_new(const FailurePolicy *policy)
{
    GVariantBuilder steps;
    g_variant_builder_init(&steps, G_VARIANT_TYPE("a(sua{sv})"));
    for (size_t i = 0; i < policy->n_steps && i < FAILURE_POLICY_MAX_STEPS; i++) {
        const FailureStep *step = &policy->steps[i];
        const char *action = failure_action_name(step->action);
        GVariantBuilder options;
        g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
        if (step->action == FAILURE_ACTION_SIGNAL) {
            const char *name = failure_signal_name(step->signal_number);
            g_variant_builder_add(&options, "{sv}", "signal",
                                  g_variant_new_string(name != NULL ? name : ""));
        } else if (step->action == FAILURE_ACTION_EXEC) {
            add_program(&options, policy, step);
        }
        g_variant_builder_add(&steps, "(sua{sv})", action != NULL ? action : "",
                              step->grace_seconds, &options);
    }
    return g_variant_builder_end(&steps);
}

static gboolean set_unknown_action(const char *action, GError **error)
{
    g_autoptr(GString) cure = g_string_new("Actions: ");
    for (int i = 0; i < FAILURE_ACTION_COUNT; i++)
        g_string_append_printf(cure, "%s%s", i > 0 ? ", " : "",
                               failure_action_name((FailureAction)i));
    g_string_append_c(cure, '.');
    g_autofree char *word = printable_word(action);
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, cure->str, "\"%s\" is not an action.",
                      word);
    return FALSE;
}

static gboolean parse_signal(GVariant *options, FailureStep *step, GError **error)
{
    g_autofree char *signal_name = NULL;
    const VariantOption known[] = { { "signal", "s", &signal_name } };
    if (!variant_options_parse(options, known, G_N_ELEMENTS(known), error))
        return FALSE;
    if (signal_name == NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Give the option signal s, such as TERM.",
                          "The action signal does not say which one.");
        return FALSE;
    }
    step->signal_number = failure_signal_from_name(signal_name);
    if (step->signal_number == 0) {
        g_autofree char *word = printable_word(signal_name);
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Give the name of a signal, such as TERM, or its number.",
                          "\"%s\" is not a signal.", word);
        return FALSE;
    }
    return TRUE;
}

static gboolean parse_program(GVariant *options, FailurePolicy *policy, FailureStep *step,
                              GError **error)
{
    g_autofree char *program = NULL;
    g_autoptr(GVariant) arguments = NULL;
    const VariantOption known[] = {
        { "program", "s", &program },
        { "arguments", "as", &arguments },
    };
    if (!variant_options_parse(options, known, G_N_ELEMENTS(known), error))
        return FALSE;
    if (program == NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Give the option program s: the absolute path of a program.",
                          "The action exec does not say which program.");
        return FALSE;
    }

    gsize n_arguments = arguments != NULL ? g_variant_n_children(arguments) : 0;
    gboolean good = failure_policy_add_word(policy, step, program);
    for (gsize i = 0; good && i < n_arguments; i++) {
        const char *word;
        g_variant_get_child(arguments, i, "&s", &word);
        good = failure_policy_add_word(policy, step, word);
    }
    if (!good)
        bailiff_set_error(
            error, BAILIFF_ERROR_INVALID_ARGUMENT,
            "Give at most 15 arguments, for all programs of a policy 1024 bytes; more "
            "belongs into a script.",
            "The program and its %" G_GSIZE_FORMAT " arguments are too long.", n_arguments);
    return good;
}

static gboolean parse_step(GVariant *variant, FailurePolicy *policy, GError **error)
{
    const char *action;
    guint32 grace;
    g_autoptr(GVariant) options = NULL;
    g_variant_get(variant, "(&su@a{sv})", &action, &grace, &options);

    FailureStep step = { .action = failure_action_from_name(action), .grace_seconds = grace };
    gboolean good;
    if (step.action == FAILURE_ACTION_COUNT)
        good = set_unknown_action(action, error);
    else if (step.action == FAILURE_ACTION_SIGNAL)
        good = parse_signal(options, &step, error);
    else if (step.action == FAILURE_ACTION_EXEC)
        good = parse_program(options, policy, &step, error);
    else
        good = variant_options_parse(options, NULL, 0, error);
    if (good)
        policy->steps[policy->n_steps++] = step;
    return good;
}

/* `restart` among the steps is a wish for the recovery of that name; a policy as data cannot tell a
 * wish for leave from none. */
static gboolean parse_recovery(const char *word, FailurePolicy *policy, GError **error)
{
    policy->on_recovery = failure_recovery_from_name(word);
    if (policy->on_recovery == FAILURE_RECOVERY_COUNT) {
        g_autofree char *printable = printable_word(word);
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Recoveries: leave, resume, restart.", "\"%s\" is not a recovery.",
                          printable);
        return FALSE;
    }
    if (policy->on_recovery == FAILURE_RECOVERY_LEAVE &&
        failure_policy_get_recovery(policy) != FAILURE_RECOVERY_LEAVE) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Use poweroff or stop-unit in place of restart, or leave the option "
                          "on-recovery away.",
                          "The action restart means that it is started again on recovery, and not "
                          "that it is left.");
        return FALSE;
    }
    return TRUE;
}

gboolean variant_policy_parse(GVariant *variant, const char *on_recovery, FailurePolicy *ret,
                              GError **error)
{
    gsize n_steps = g_variant_n_children(variant);
    if (n_steps == 0 || n_steps > FAILURE_POLICY_MAX_STEPS) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Give 1 to 16 steps, the last of them kill.",
                          "The failure policy has %" G_GSIZE_FORMAT " steps.", n_steps);
        return FALSE;
    }

    FailurePolicy policy = { 0 };
    for (gsize i = 0; i < n_steps; i++) {
        g_autoptr(GVariant) step = g_variant_get_child_value(variant, i);
        if (!parse_step(step, &policy, error)) {
            g_prefix_error(error, "Step %" G_GSIZE_FORMAT " of the failure policy: ", i + 1);
            return FALSE;
        }
    }
    if (on_recovery != NULL && !parse_recovery(on_recovery, &policy, error))
        return FALSE;
    *ret = policy;
    return TRUE;
}

/* The numbers in the texts above. */
G_STATIC_ASSERT(FAILURE_POLICY_MAX_STEPS == 16u && FAILURE_PROGRAM_WORDS_MAX == 16u &&
                FAILURE_POLICY_WORDS_BYTES == 1024u);
