/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/failure-defaults.h"

#include "failure/failure-policy-parser.h"

typedef struct PolicyRow {
    FailurePolicy policies[FAILURE_TARGET_COUNT];
    gboolean given[FAILURE_TARGET_COUNT];
} PolicyRow;

struct FailureDefaults {
    PolicyRow of_all;       /* of each kind there is one */
    GHashTable *lockspaces; /* name -> PolicyRow */
};

static const char *const built_in[FAILURE_TARGET_COUNT] = {
    [FAILURE_TARGET_PROCESS] = "signal TERM 10s, kill",
    [FAILURE_TARGET_UNIT] = "stop-unit 15s, kill",
    [FAILURE_TARGET_DOMAIN] = "pause 10s, poweroff 20s, kill",
};

static void set_row(PolicyRow *row, FailureTarget target, const FailurePolicy *policy)
{
    row->policies[target] = *policy;
    row->given[target] = TRUE;
}

FailureDefaults *failure_defaults_new(void)
{
    FailureDefaults *self = g_rc_box_new0(FailureDefaults);

    self->lockspaces = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint target = 0; target < FAILURE_TARGET_COUNT; target++) {
        FailurePolicy policy;

        /* Should a text above not be one, then what is safe for everything. */
        if (failure_policy_parse(&policy, built_in[target], NULL) != FAILURE_POLICY_OK)
            failure_policy_default(&policy);
        set_row(&self->of_all, target, &policy);
    }
    return self;
}

FailureDefaults *failure_defaults_ref(FailureDefaults *self)
{
    return g_rc_box_acquire(self);
}

static void clear(gpointer data)
{
    g_hash_table_unref(((FailureDefaults *)data)->lockspaces);
}

void failure_defaults_unref(FailureDefaults *self)
{
    if (self != NULL)
        g_rc_box_release_full(self, clear);
}

void failure_defaults_set(FailureDefaults *self, const char *lockspace, FailureTarget target,
                          const FailurePolicy *policy)
{
    PolicyRow *row = &self->of_all;

    if (lockspace != NULL) {
        row = g_hash_table_lookup(self->lockspaces, lockspace);
        if (row == NULL) {
            row = g_new0(PolicyRow, 1);
            g_hash_table_insert(self->lockspaces, g_strdup(lockspace), row);
        }
    }
    set_row(row, target, policy);
}

const FailurePolicy *failure_defaults_get(FailureDefaults *self, const char *lockspace,
                                          FailureTarget target)
{
    const PolicyRow *row =
        lockspace != NULL ? g_hash_table_lookup(self->lockspaces, lockspace) : NULL;

    if (row == NULL || !row->given[target])
        row = &self->of_all;
    return &row->policies[target];
}
