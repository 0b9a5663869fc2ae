/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * FailurePolicy <-> a(sua{sv}). What comes in is hostile: its length, its words and its options are
 * checked before anything of it is used.
 */
#include "dbus/variant-policy.h"

#include "common/bailiff-error.h"
#include "dbus/printable-word.h"
#include "dbus/variant-options.h"

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

static gboolean parse_step(GVariant *variant, FailureStep *ret, GError **error)
{
    const char *action;
    guint32 grace;
    g_autoptr(GVariant) options = NULL;
    g_variant_get(variant, "(&su@a{sv})", &action, &grace, &options);

    FailureStep step = { .action = failure_action_from_name(action), .grace_seconds = grace };
    if (step.action == FAILURE_ACTION_COUNT)
        return set_unknown_action(action, error);
    if (step.action != FAILURE_ACTION_SIGNAL) {
        if (!variant_options_parse(options, NULL, 0, error))
            return FALSE;
        *ret = step;
        return TRUE;
    }

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
    step.signal_number = failure_signal_from_name(signal_name);
    if (step.signal_number == 0) {
        g_autofree char *word = printable_word(signal_name);
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Give the name of a signal, such as TERM, or its number.",
                          "\"%s\" is not a signal.", word);
        return FALSE;
    }
    *ret = step;
    return TRUE;
}

gboolean variant_policy_parse(GVariant *variant, FailurePolicy *ret, GError **error)
{
    gsize n_steps = g_variant_n_children(variant);
    if (n_steps == 0 || n_steps > FAILURE_POLICY_MAX_STEPS) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Give 1 to 16 steps, the last of them kill.",
                          "The failure policy has %" G_GSIZE_FORMAT " steps.", n_steps);
        return FALSE;
    }

    FailurePolicy policy = { .n_steps = n_steps };
    for (gsize i = 0; i < n_steps; i++) {
        g_autoptr(GVariant) step = g_variant_get_child_value(variant, i);
        if (!parse_step(step, &policy.steps[i], error)) {
            g_prefix_error(error, "Step %" G_GSIZE_FORMAT " of the failure policy: ", i);
            return FALSE;
        }
    }
    *ret = policy;
    return TRUE;
}

G_STATIC_ASSERT(FAILURE_POLICY_MAX_STEPS == 16u); /* the number in the text above */
