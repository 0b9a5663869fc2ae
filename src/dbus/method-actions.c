/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table, and how it is read. The options are those of the call itself, and not what a handler
 * has made of them, so that no handler can forget to say what it was asked for.
 */
#include "dbus/method-actions.h"

#define RAISING_OPTIONS_MAX 2u

typedef struct MethodActions {
    const char *interface;
    const char *method;
    guint actions;
    guint others; /* 0: the same */
    struct {
        const char *name; /* NULL: none */
        guint actions;
    } options[RAISING_OPTIONS_MAX];
} MethodActions;

static const char *const action_ids[] = POLKIT_ACTION_IDS;
static const MethodActions method_actions[] = METHOD_ACTIONS;

G_STATIC_ASSERT(G_N_ELEMENTS(action_ids) == POLKIT_ACTION_COUNT);
G_STATIC_ASSERT(POLKIT_ACTION_COUNT < 32);

const char *polkit_action_id(PolkitAction action)
{
    return action_ids[action];
}

static const MethodActions *find(const char *interface, const char *method)
{
    for (gsize i = 0; i < G_N_ELEMENTS(method_actions); i++)
        if (g_str_equal(method_actions[i].method, method) &&
            g_str_equal(method_actions[i].interface, interface))
            return &method_actions[i];
    return NULL;
}

/* A property that is written is in the table by its own name. */
static const MethodActions *find_called(GDBusMethodInvocation *invocation)
{
    const char *interface = g_dbus_method_invocation_get_interface_name(invocation);
    const char *method = g_dbus_method_invocation_get_method_name(invocation);

    if (g_dbus_method_invocation_get_property_info(invocation) != NULL)
        g_variant_get(g_dbus_method_invocation_get_parameters(invocation), "(&s&sv)", &interface,
                      &method, NULL);
    return find(interface, method);
}

/* Given twice, it counts if it is true once; the handler refuses such a call anyway. */
static gboolean option_is_true(GVariant *options, const char *name)
{
    GVariantIter iter;
    const char *key;
    GVariant *value;
    gboolean found = FALSE;

    g_variant_iter_init(&iter, options);
    while (g_variant_iter_loop(&iter, "{&sv}", &key, &value))
        found = found ||
                (g_str_equal(key, name) && g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN) &&
                 g_variant_get_boolean(value));
    return found;
}

gboolean method_actions_of(GDBusMethodInvocation *invocation, gboolean own, guint *ret_actions)
{
    const MethodActions *found = find_called(invocation);
    GVariant *arguments = g_dbus_method_invocation_get_parameters(invocation);
    gsize n_arguments = g_variant_n_children(arguments);

    if (found == NULL)
        return FALSE;
    *ret_actions = own || found->others == 0 ? found->actions : found->others;
    if (n_arguments == 0)
        return TRUE;

    g_autoptr(GVariant) last = g_variant_get_child_value(arguments, n_arguments - 1);
    if (!g_variant_is_of_type(last, G_VARIANT_TYPE_VARDICT))
        return TRUE;
    for (gsize i = 0; i < RAISING_OPTIONS_MAX && found->options[i].name != NULL; i++)
        if (option_is_true(last, found->options[i].name))
            *ret_actions |= found->options[i].actions;
    return TRUE;
}
