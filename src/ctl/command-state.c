/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl state: what bailiffd has written down for the one that comes after it. It reads the
 * files and asks nobody, so that it tells the same when no bailiffd runs, or one that hangs.
 */
#include "ctl/commands.h"

#include <string.h>

#include <glib/gi18n.h>

#include "base/checked-time.h"
#include "common/boottime.h"
#include "common/saved-state.h"
#include "ctl/incident-text.h"
#include "ctl/model-table.h"
#include "ctl/safe-text.h"
#include "ctl/state-files.h"
#include "failure/failure-policy-parser.h"

#define MANY_GIVEN_UP 1024u

/* --- the values of a file -------------------------------------------------------------------- */

static char *get_text(const StateFile *file, const char *group, const char *key)
{
    char *text = g_key_file_get_string(file->keys, group, key, NULL);

    return text != NULL ? text : g_strdup("");
}

static guint64 get_number(const StateFile *file, const char *group, const char *key)
{
    return g_key_file_get_uint64(file->keys, group, key, NULL);
}

static gboolean get_flag(const StateFile *file, const char *group, const char *key)
{
    return g_key_file_get_boolean(file->keys, group, key, NULL);
}

static char **get_list(const StateFile *file, const char *group, const char *key)
{
    char **list = g_key_file_get_string_list(file->keys, group, key, NULL, NULL);

    return list != NULL ? list : g_new0(char *, 1);
}

static char *get_place(const StateFile *file, const char *group)
{
    g_autofree char *path = get_text(file, group, "Path");

    return place_text(path, get_number(file, group, "Offset"));
}

/* --- for programs ---------------------------------------------------------------------------- */

typedef struct StateKey {
    const char *name; /* in the file */
    char type;        /* of GVariant: s, t, b; S: a list of texts; T: a list of numbers */
    const char *told; /* the D-Bus property of the same, where that is named otherwise */
} StateKey;

static const StateKey lockspace_keys[] = {
    { "Name", 's' },       { "Path", 's' },
    { "Offset", 't' },     { "HostName", 's' },
    { "HostId", 't' },     { "Generation", 't' },
    { "IoTimeout", 't' },  { "State", 's' },
    { "FailAtUsec", 't' }, { "LastRenewalUsec", 't' },
    { "FreeAtUsec", 't' }, { NULL },
};

static const StateKey resource_keys[] = {
    { "Lockspace", 's' },
    { "Name", 's' },
    { "Path", 's' },
    { "Offset", 't' },
    { "Use", 's' },
    { "Mode", 's' },
    { "WonVersion", 't', "Version" },
    { "Holders", 'T' },
    { "FormerHolder", 's' },
    { "Persistent", 'b' },
    { "Orphan", 'b' },
    { NULL },
};

static const StateKey registration_keys[] = {
    { "Name", 's' },
    { "Kind", 's' },
    { "Target", 's' },
    { "Owner", 't', "Uid" },
    { "State", 's' },
    { "Policy", 's' },
    { "Lockspaces", 'S' },
    { "Pid", 't' },
    { "Walked", 's' },
    { "StartTime", 't' },
    { "FailedLockspace", 's' },
    { "FailAtUsec", 't' },
    { "Step", 't' },
    { "StepSinceUsec", 't' },
    { "Drilling", 'b' },
    { "Killing", 'b' },
    { "Recovery", 's' },
    { NULL },
};

static const StateKey given_up_keys[] = {
    { "Lockspace", 's' }, { "Resource", 's' }, { "Path", 's' },       { "Offset", 't' },
    { "Version", 't' },   { "Shared", 'b' },   { "Persistent", 'b' }, { NULL },
};

static const StateKey incident_keys[] = {
    { "Number", 't' },
    { "Lockspace", 's' },
    { "Cause", 's' },
    { "StartedUsec", 't' },
    { "StartedRealtimeUsec", 't' },
    { "LastRenewalUsec", 't' },
    { "FailAtUsec", 't' },
    { "EndedUsec", 't' },
    { "Outcome", 's' },
    { "RegistrationCount", 't' },
    { "ClearedCount", 't' },
    { "StepsDropped", 't' },
    { "StepCount", 't' },
    { NULL },
};

static GVariant *numbers_variant(char **words)
{
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("at"));
    for (guint i = 0; words[i] != NULL; i++)
        g_variant_builder_add(&list, "t", g_ascii_strtoull(words[i], NULL, 10));
    return g_variant_builder_end(&list);
}

static GVariant *value_of(const StateFile *file, const char *group, const StateKey *key)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) list = NULL;

    switch (key->type) {
    case 't':
        return g_variant_new_uint64(get_number(file, group, key->name));
    case 'b':
        return g_variant_new_boolean(get_flag(file, group, key->name));
    case 's':
        text = get_text(file, group, key->name);
        return g_variant_new_string(text);
    default:
        list = get_list(file, group, key->name);
        return key->type == 'T' ? numbers_variant(list)
                                : g_variant_new_strv((const char *const *)list, -1);
    }
}

static void add_values(GVariantDict *dict, const StateFile *file, const char *group,
                       const StateKey *keys)
{
    for (guint i = 0; keys[i].name != NULL; i++)
        if (g_key_file_has_key(file->keys, group, keys[i].name, NULL))
            g_variant_dict_insert_value(dict, keys[i].told != NULL ? keys[i].told : keys[i].name,
                                        value_of(file, group, &keys[i]));
}

static char *given_up_group(guint number)
{
    return g_strdup_printf(SAVED_GIVEN_UP_GROUP_PREFIX "%u", number);
}

static GVariant *given_up_variant(const StateFile *file)
{
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 1; i <= MANY_GIVEN_UP; i++) {
        g_autofree char *group = given_up_group(i);
        g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);

        if (!g_key_file_has_group(file->keys, group))
            break;
        add_values(&dict, file, group, given_up_keys);
        g_variant_builder_add_value(&list, g_variant_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}

static GVariant *files_variant(const GPtrArray *files, const char *group, const StateKey *keys)
{
    gboolean registrations = keys == registration_keys;
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < files->len; i++) {
        const StateFile *file = files->pdata[i];
        g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);

        add_values(&dict, file, group, keys);
        if (registrations) {
            g_variant_dict_insert(&dict, "Number", "t", state_file_id(file));
            g_variant_dict_insert_value(&dict, "GivenUp", given_up_variant(file));
        }
        g_variant_builder_add_value(&list, g_variant_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}

static GVariant *unreadable_variant(const GPtrArray *files)
{
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < files->len; i++) {
        const StateFile *file = files->pdata[i];
        g_autofree char *path = g_filename_display_name(file->path);
        g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);

        g_variant_dict_insert(&dict, "File", "s", path);
        g_variant_dict_insert(&dict, "Reason", "s", file->error->message);
        g_variant_builder_add_value(&list, g_variant_dict_end(&dict));
    }
    return g_variant_builder_end(&list);
}

static void print_json(const StateFiles *files)
{
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);

    g_variant_dict_insert(&dict, "BootTimeUsec", "t", boottime_now());
    g_variant_dict_insert_value(
        &dict, "Lockspaces",
        files_variant(files->lockspaces, SAVED_LOCKSPACE_GROUP, lockspace_keys));
    g_variant_dict_insert_value(
        &dict, "Resources", files_variant(files->resources, SAVED_RESOURCE_GROUP, resource_keys));
    g_variant_dict_insert_value(
        &dict, "Registrations",
        files_variant(files->registrations, SAVED_REGISTRATION_GROUP, registration_keys));
    g_variant_dict_insert_value(
        &dict, "Incidents", files_variant(files->incidents, SAVED_INCIDENT_GROUP, incident_keys));
    g_variant_dict_insert_value(&dict, "Unreadable", unreadable_variant(files->unreadable));
    output_json(g_variant_dict_end(&dict), FALSE);
}

/* --- for people ------------------------------------------------------------------------------ */

static void add_deadline(OutputTable *table, guint64 at_us, guint64 now_us)
{
    g_autofree char *span = span_text(time_since(MAX(at_us, now_us), MIN(at_us, now_us)));

    if (at_us == 0)
        output_table_add(table, TABLE_PLAIN, "");
    else if (at_us > now_us)
        output_table_add(table, TABLE_PLAIN, span);
    else
        output_table_addf(table, TABLE_RED, _("%s ago"), span);
}

static OutputTable *lockspaces_table(const GPtrArray *files, guint64 now_us)
{
    const char *group = SAVED_LOCKSPACE_GROUP;
    OutputTable *table =
        output_table_new(_("LOCKSPACE"), _("STATE"), _(">HOST ID"), _(">GENERATION"),
                         _(">LAST RENEWAL"), _(">FAILS IN"), _(">FREE IN"), _("PLACE"), NULL);

    for (guint i = 0; i < files->len; i++) {
        const StateFile *file = files->pdata[i];
        g_autofree char *name = get_text(file, group, "Name");
        g_autofree char *state = get_text(file, group, "State");
        g_autofree char *place = get_place(file, group);
        guint64 renewed_us = get_number(file, group, "LastRenewalUsec");
        g_autofree char *renewed = span_text(time_since(now_us, renewed_us));

        output_table_add(table, TABLE_PLAIN, name);
        output_table_add(table, state_color(state), state);
        output_table_addf(table, TABLE_PLAIN, "%" G_GUINT64_FORMAT,
                          get_number(file, group, "HostId"));
        output_table_addf(table, TABLE_PLAIN, "%" G_GUINT64_FORMAT,
                          get_number(file, group, "Generation"));
        output_table_addf(table, TABLE_PLAIN, _("%s ago"), renewed);
        add_deadline(table, get_number(file, group, "FailAtUsec"), now_us);
        add_deadline(table, get_number(file, group, "FreeAtUsec"), now_us);
        output_table_add(table, TABLE_PLAIN, place);
    }
    return table;
}

/* "7 (guest1), 9"; "(orphan)". */
static char *holders_text(const StateFiles *files, const StateFile *file)
{
    g_auto(GStrv) ids = get_list(file, SAVED_RESOURCE_GROUP, "Holders");
    g_autoptr(GString) text = g_string_new(NULL);

    if (get_flag(file, SAVED_RESOURCE_GROUP, "Orphan"))
        return g_strdup(_("(orphan)"));
    for (guint i = 0; ids[i] != NULL; i++) {
        guint64 id = g_ascii_strtoull(ids[i], NULL, 10);
        const StateFile *holder = state_files_find_registration(files, id);

        g_string_append_printf(text, "%s%" G_GUINT64_FORMAT, i > 0 ? ", " : "", id);
        if (holder != NULL) {
            g_autofree char *name = get_text(holder, SAVED_REGISTRATION_GROUP, "Name");
            g_string_append_printf(text, " (%s)", name);
        }
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static OutputTable *resources_state_table(const StateFiles *files)
{
    const char *group = SAVED_RESOURCE_GROUP;
    OutputTable *table = output_table_new(_("RESOURCE"), _("USE"), _("MODE"), _(">VERSION"),
                                          _("HOLDER"), _("PERSISTENT"), _("PLACE"), NULL);

    for (guint i = 0; i < files->resources->len; i++) {
        const StateFile *file = files->resources->pdata[i];
        g_autofree char *lockspace = get_text(file, group, "Lockspace");
        g_autofree char *name = get_text(file, group, "Name");
        g_autofree char *use = get_text(file, group, "Use");
        g_autofree char *mode = get_text(file, group, "Mode");
        g_autofree char *holders = holders_text(files, file);
        g_autofree char *place = get_place(file, group);
        gboolean unused = g_str_equal(use, "unused");

        output_table_addf(table, TABLE_PLAIN, "%s/%s", lockspace, name);
        output_table_add(table, state_color(use), use);
        output_table_add(table, TABLE_PLAIN, unused ? "" : mode);
        if (unused)
            output_table_add(table, TABLE_PLAIN, "");
        else
            output_table_addf(table, TABLE_PLAIN, "%" G_GUINT64_FORMAT,
                              get_number(file, group, "WonVersion"));
        output_table_add(table, TABLE_PLAIN, holders);
        output_table_add(table, TABLE_PLAIN,
                         get_flag(file, group, "Persistent") ? _("yes") : _("no"));
        output_table_add(table, TABLE_PLAIN, place);
    }
    return table;
}

static OutputTable *registrations_state_table(const GPtrArray *files)
{
    const char *group = SAVED_REGISTRATION_GROUP;
    OutputTable *table = output_table_new(_(">REGISTRATION"), _("NAME"), _("TARGET"), _("STATE"),
                                          _(">UID"), _("LOCKSPACES"), _("FAILURE POLICY"), NULL);

    for (guint i = 0; i < files->len; i++) {
        const StateFile *file = files->pdata[i];
        g_autofree char *name = get_text(file, group, "Name");
        g_autofree char *target = get_text(file, group, "Target");
        g_autofree char *state = get_text(file, group, "State");
        g_auto(GStrv) lockspaces = get_list(file, group, "Lockspaces");
        g_autofree char *list = g_strjoinv(", ", lockspaces);
        g_autofree char *policy = get_text(file, group, "Policy");

        output_table_addf(table, TABLE_PLAIN, "%" G_GUINT64_FORMAT, state_file_id(file));
        output_table_add(table, TABLE_PLAIN, name);
        output_table_add(table, TABLE_PLAIN, target);
        output_table_add(table, state_color(state), state);
        output_table_addf(table, TABLE_PLAIN, "%" G_GUINT64_FORMAT,
                          get_number(file, group, "Owner"));
        output_table_add(table, TABLE_PLAIN, list);
        output_table_add(table, TABLE_PLAIN, *policy != '\0' ? policy : _("(default)"));
    }
    return table;
}

/* As `bailiffctl incidents` has them. */
static OutputTable *incidents_state_table(const GPtrArray *files, guint64 now_us)
{
    const char *group = SAVED_INCIDENT_GROUP;
    OutputTable *table = output_table_new(_(">INCIDENT"), _("BEGAN"), _("LOCKSPACE"), _(">LASTED"),
                                          _("OUTCOME"), _(">CLEARED"), _("CAUSE"), NULL);

    for (guint i = 0; i < files->len; i++) {
        const StateFile *file = files->pdata[i];
        g_autofree char *began =
            incident_clock_text(get_number(file, group, "StartedRealtimeUsec"));
        g_autofree char *lockspace = get_text(file, group, "Lockspace");
        guint64 ended_us = get_number(file, group, "EndedUsec");
        g_autofree char *lasted = span_text(
            time_since(ended_us != 0 ? ended_us : now_us, get_number(file, group, "StartedUsec")));
        g_autofree char *outcome = get_text(file, group, "Outcome");
        g_autofree char *cause = get_text(file, group, "Cause");

        cause[strcspn(cause, "\n")] = '\0';
        output_table_addf(table, TABLE_PLAIN, "%" G_GUINT64_FORMAT, state_file_id(file));
        output_table_add(table, TABLE_PLAIN, began);
        output_table_add(table, TABLE_PLAIN, lockspace);
        output_table_add(table, TABLE_PLAIN, lasted);
        output_table_add(table, state_color(outcome), outcome);
        output_table_addf(table, TABLE_PLAIN, "%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT,
                          get_number(file, group, "ClearedCount"),
                          get_number(file, group, "RegistrationCount"));
        output_table_add(table, TABLE_PLAIN, cause);
    }
    return table;
}

/* The step under way, as it stands in the policy. */
static char *step_text(const char *policy_text, guint64 step)
{
    char text[FAILURE_POLICY_TEXT_MAX];
    FailurePolicy policy;

    if (failure_policy_parse(&policy, policy_text, NULL) != FAILURE_POLICY_OK ||
        step >= policy.n_steps)
        return g_strdup_printf("%" G_GUINT64_FORMAT, step + 1);
    failure_policy_print_step(&policy, step, text);
    return safe_text(text);
}

/* "7 (guest1)", for a terminal. */
static char *who_text(const StateFile *file)
{
    g_autofree char *name = get_text(file, SAVED_REGISTRATION_GROUP, "Name");
    g_autofree char *safe = safe_text(name);

    return g_strdup_printf("%" G_GUINT64_FORMAT " (%s)", state_file_id(file), safe);
}

static void print_walk(const StateFile *file, guint64 now_us)
{
    const char *group = SAVED_REGISTRATION_GROUP;
    g_autofree char *policy = get_text(file, group, "Walked");
    g_autofree char *lockspace = get_text(file, group, "FailedLockspace");
    g_autofree char *step = step_text(policy, get_number(file, group, "Step"));
    g_autofree char *span = span_text(time_since(now_us, get_number(file, group, "StepSinceUsec")));
    g_autofree char *safe = safe_text(lockspace);
    g_autofree char *safe_policy = safe_text(policy);
    g_autofree char *who = who_text(file);

    if (*policy != '\0')
        output_line(_("Registration %s walks \"%s\" (lockspace %s): %s, for %s."), who, safe_policy,
                    safe, step, span);
}

static void print_given_up(const StateFile *file)
{
    g_autofree char *who = who_text(file);

    for (guint i = 1; i <= MANY_GIVEN_UP; i++) {
        g_autofree char *group = given_up_group(i);
        g_autofree char *lockspace = get_text(file, group, "Lockspace");
        g_autofree char *resource = get_text(file, group, "Resource");
        g_autofree char *place = get_place(file, group);
        g_autofree char *whole = g_strdup_printf("%s/%s (%s)", lockspace, resource, place);
        g_autofree char *safe = safe_text(whole);
        g_autofree char *version =
            g_strdup_printf("%" G_GUINT64_FORMAT, get_number(file, group, "Version"));

        if (!g_key_file_has_group(file->keys, group))
            break;
        output_line(_("Registration %s waits for %s, version %s."), who, safe, version);
    }
}

static void print_table(const Output *output, OutputTable *table, gboolean *any)
{
    if (output_table_n_rows(table) == 0)
        return;
    if (*any)
        output_line("%s", "");
    output_table(output, table, 0);
    *any = TRUE;
}

static void print_text(const Output *output, const StateFiles *files, const char *runtime_dir)
{
    guint64 now_us = boottime_now();
    g_autoptr(OutputTable) lockspaces = lockspaces_table(files->lockspaces, now_us);
    g_autoptr(OutputTable) resources = resources_state_table(files);
    g_autoptr(OutputTable) registrations = registrations_state_table(files->registrations);
    g_autoptr(OutputTable) incidents = incidents_state_table(files->incidents, now_us);
    gboolean any = FALSE;

    print_table(output, lockspaces, &any);
    print_table(output, resources, &any);
    print_table(output, registrations, &any);
    print_table(output, incidents, &any);
    for (guint i = 0; i < files->registrations->len; i++) {
        print_walk(files->registrations->pdata[i], now_us);
        print_given_up(files->registrations->pdata[i]);
    }
    if (!any && files->unreadable->len == 0) {
        g_autofree char *safe = safe_text(runtime_dir);
        output_line(_("Nothing is written down in %s: no lockspace is joined, nobody holds "
                      "leases."),
                    safe);
    }
}

static char *usual_directory(void)
{
    const char *named = g_getenv("BAILIFF_RUNTIME_DIR");

    return g_strdup(named != NULL && *named != '\0' ? named : SAVED_STATE_USUAL_DIRECTORY);
}

int command_state(CommandLine *line)
{
    g_autofree char *runtime_dir = NULL;
    const GOptionEntry entries[] = {
        { "runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &runtime_dir,
          N_("Where that bailiffd writes (default: /run/bailiff)"), N_("DIR") },
        { NULL },
    };
    g_autoptr(StateFiles) files = NULL;
    GError *error = NULL;
    int status;

    if (!command_line_parse(line, entries, 0, 0, &status))
        return status;
    if (runtime_dir == NULL)
        runtime_dir = usual_directory();
    files = state_files_read(runtime_dir, &error);
    if (files == NULL)
        return command_line_fail(error);
    if (line->json)
        print_json(files);
    else
        print_text(&line->output, files, runtime_dir);
    for (guint i = 0; i < files->unreadable->len; i++) {
        const StateFile *file = files->unreadable->pdata[i];

        ctl_report_error(file->error);
    }
    return files->unreadable->len == 0 ? CTL_EXIT_OK : CTL_EXIT_ERROR;
}
