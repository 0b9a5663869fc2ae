/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values are taken as they stand in the file, without the escapes that key files have for strings:
 * a failure policy is written there as on the command line, and has escapes of its own.
 */
#include "engine/config-file.h"

#include <string.h>

#include "base/fixed-name.h"
#include "base/printable-text.h"
#include "common/bailiff-error.h"
#include "common/printable-word.h"
#include "engine/name-error.h"
#include "engine/policy-error.h"

#define LOCKSPACE_PREFIX "lockspace "
#define IDLE_EXIT_MAX_SECONDS 86400
#define POLICY_PREFIX "failure-policy-"

/* Where one is; for the texts of errors, and for what is set. */
typedef struct Place {
    ConfigFile *config;
    const char *file;
    const char *group;
    const char *lockspace; /* of a group [lockspace NAME]; else NULL */
    const char *key;
    const char *value;
} Place;

typedef gboolean (*SetKey)(const Place *place, GError **error);

static void set_unknown_key(const Place *place, const char *known, GError **error)
{
    g_autofree char *cure = g_strdup_printf("Keys of this group: %s.", known);

    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, cure, "There is no such key.");
}

/* As SetFailurePolicy() does: a misspelt name must not show on the day that the storage is gone.
 * Whether the user it will run as may run it cannot be known yet. */
static gboolean check_programs(const FailurePolicy *policy, GError **error)
{
    for (gsize i = 0; i < policy->n_steps; i++) {
        const char *program = failure_policy_get_word(policy, &policy->steps[i], 0);

        if (program == NULL || (g_file_test(program, G_FILE_TEST_IS_REGULAR) &&
                                g_file_test(program, G_FILE_TEST_IS_EXECUTABLE)))
            continue;
        bailiff_set_error(
            error, BAILIFF_ERROR_INVALID_ARGUMENT, "Name a program that is there and executable.",
            "Step %" G_GSIZE_FORMAT " of the failure policy: %s is no program.", i + 1, program);
        return FALSE;
    }
    return TRUE;
}

static gboolean set_policy(const Place *place, const char *kind, const char *known, GError **error)
{
    FailurePolicy policy;

    for (guint target = 0; target < FAILURE_TARGET_COUNT; target++)
        if (strcmp(kind, failure_target_name(target)) == 0) {
            if (!bailiff_failure_policy_from_text(&policy, place->value, target, error) ||
                !check_programs(&policy, error))
                return FALSE;
            failure_defaults_set(place->config->failure_defaults, place->lockspace, target,
                                 &policy);
            return TRUE;
        }
    set_unknown_key(place, known, error);
    return FALSE;
}

static gboolean set_policy_key(const Place *place, GError **error)
{
    return set_policy(place, place->key, "process, unit, domain", error);
}

static gboolean set_lockspace_key(const Place *place, GError **error)
{
    const char *kind =
        g_str_has_prefix(place->key, POLICY_PREFIX) ? place->key + strlen(POLICY_PREFIX) : "";

    return set_policy(place, kind,
                      POLICY_PREFIX "process, " POLICY_PREFIX "unit, " POLICY_PREFIX "domain",
                      error);
}

/* Part of an object path: /org/libvirt/QEMU. */
static gboolean set_driver(const Place *place, GError **error)
{
    const char *rest = place->value;

    while (g_ascii_isalnum(*rest))
        rest++;
    if (rest == place->value || *rest != '\0') {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Name one of the objects of libvirt-dbus, such as QEMU.",
                          "This is not the name of a driver.");
        return FALSE;
    }
    g_free(place->config->libvirt_driver);
    place->config->libvirt_driver = g_strdup(place->value);
    return TRUE;
}

static gboolean set_path(const Place *place, char **path, GError **error)
{
    gsize length = strlen(place->value);

    if (!g_path_is_absolute(place->value) ||
        printable_text_length(place->value, length) != length) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Give the whole path, from / on.",
                          "This is not a path.");
        return FALSE;
    }
    g_free(*path);
    *path = g_strdup(place->value);
    return TRUE;
}

static gboolean set_libvirt_key(const Place *place, GError **error)
{
    if (strcmp(place->key, "driver") == 0)
        return set_driver(place, error);
    if (strcmp(place->key, "run-directory") == 0)
        return set_path(place, &place->config->libvirt_run_dir, error);
    set_unknown_key(place, "driver, run-directory", error);
    return FALSE;
}

static gboolean set_truth(const Place *place, gboolean *value, GError **error)
{
    if (strcmp(place->value, "yes") != 0 && strcmp(place->value, "no") != 0) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Say yes or no.",
                          "This is neither yes nor no.");
        return FALSE;
    }
    *value = strcmp(place->value, "yes") == 0;
    return TRUE;
}

static gboolean set_idle_exit(const Place *place, GError **error)
{
    g_autofree char *digits = g_str_has_suffix(place->value, "s")
                                  ? g_strndup(place->value, strlen(place->value) - 1)
                                  : g_strdup(place->value);
    guint64 seconds;

    if (strcmp(place->value, "auto") == 0 || strcmp(place->value, "no") == 0) {
        place->config->idle_exit = strcmp(place->value, "no") == 0 ? 0 : -1;
        return TRUE;
    }
    if (!g_ascii_string_to_unsigned(digits, 10, 1, IDLE_EXIT_MAX_SECONDS, &seconds, NULL)) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Say a number of seconds, 1 to 86400, such as 300s; or auto, or no.",
                          "This is not a time that it could end after.");
        return FALSE;
    }
    place->config->idle_exit = (int)seconds;
    return TRUE;
}

static gboolean set_daemon_key(const Place *place, GError **error)
{
    if (strcmp(place->key, "real-time") == 0)
        return set_truth(place, &place->config->real_time, error);
    if (strcmp(place->key, "idle-exit") == 0)
        return set_idle_exit(place, error);
    set_unknown_key(place, "idle-exit, real-time", error);
    return FALSE;
}

static gboolean set_watchdog_type(const Place *place, GError **error)
{
    WatchdogKind kind = watchdog_kind_parse(place->value);

    if (kind == WATCHDOG_KIND_COUNT) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Say none, device or wdmd.",
                          "There is no such type of watchdog.");
        return FALSE;
    }
    place->config->watchdog = kind;
    return TRUE;
}

static gboolean set_watchdog_timeout(const Place *place, GError **error)
{
    guint64 seconds = 0;

    if (!g_ascii_string_to_unsigned(place->value, 10, WATCHDOG_TIMEOUT_MIN, WATCHDOG_TIMEOUT_MAX,
                                    &seconds, NULL)) {
        g_autofree char *cure = g_strdup_printf("Give a number of seconds, from %u to %u.",
                                                WATCHDOG_TIMEOUT_MIN, WATCHDOG_TIMEOUT_MAX);
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, cure,
                          "This is not a timeout for a watchdog.");
        return FALSE;
    }
    place->config->watchdog_timeout = (guint32)seconds;
    return TRUE;
}

static gboolean set_watchdog_key(const Place *place, GError **error)
{
    if (strcmp(place->key, "type") == 0)
        return set_watchdog_type(place, error);
    if (strcmp(place->key, "device") == 0)
        return set_path(place, &place->config->watchdog_device, error);
    if (strcmp(place->key, "timeout") == 0)
        return set_watchdog_timeout(place, error);
    if (strcmp(place->key, "socket") == 0)
        return set_path(place, &place->config->watchdog_socket, error);
    set_unknown_key(place, "type, device, timeout, socket", error);
    return FALSE;
}

/* NULL with an error when there is no such group. */
static SetKey find_group(Place *place, GError **error)
{
    if (strcmp(place->group, "failure-policy") == 0)
        return set_policy_key;
    if (strcmp(place->group, "libvirt") == 0)
        return set_libvirt_key;
    if (strcmp(place->group, "daemon") == 0)
        return set_daemon_key;
    if (strcmp(place->group, "watchdog") == 0)
        return set_watchdog_key;
    if (g_str_has_prefix(place->group, LOCKSPACE_PREFIX)) {
        place->lockspace = place->group + strlen(LOCKSPACE_PREFIX);
        return bailiff_check_name("lockspace", place->lockspace, FIXED_NAME_SIZE, error)
                   ? set_lockspace_key
                   : NULL;
    }
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                      "Groups: [failure-policy], [lockspace NAME], [watchdog], [libvirt], "
                      "[daemon].",
                      "There is no such group.");
    return NULL;
}

/* "FILE, [GROUP], KEY: " before what is wrong there. */
static void prefix_place(const Place *place, GError **error)
{
    g_autofree char *group = printable_bytes(place->group);
    g_autofree char *key = place->key != NULL ? printable_bytes(place->key) : NULL;

    g_prefix_error(error, "%s, [%s]%s%s: ", place->file, group, key != NULL ? ", " : "",
                   key != NULL ? key : "");
}

static gboolean take_group(ConfigFile *config, const char *file, GKeyFile *key_file,
                           const char *group, GError **error)
{
    Place place = { .config = config, .file = file, .group = group };
    SetKey set_key = find_group(&place, error);
    g_auto(GStrv) keys = g_key_file_get_keys(key_file, group, NULL, NULL);

    if (set_key == NULL) {
        prefix_place(&place, error);
        return FALSE;
    }
    for (guint i = 0; keys != NULL && keys[i] != NULL; i++) {
        g_autofree char *value = g_key_file_get_value(key_file, group, keys[i], NULL);

        place.key = keys[i];
        place.value = value != NULL ? g_strchomp(value) : "";
        if (!set_key(&place, error)) {
            prefix_place(&place, error);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean config_file_take_text(ConfigFile *self, const char *path, const char *text, gsize length,
                               GError **error)
{
    g_autoptr(GKeyFile) key_file = g_key_file_new();
    g_autoptr(GError) cause = NULL;

    /* Translated keys would be dropped in silence otherwise. */
    if (length > 0 &&
        !g_key_file_load_from_data(key_file, text, length, G_KEY_FILE_KEEP_TRANSLATIONS, &cause)) {
        g_autofree char *what = printable_bytes(cause->message);
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "A configuration file has groups, [NAME], and in them lines KEY=VALUE.",
                          "%s: %s.", path, what);
        return FALSE;
    }

    g_auto(GStrv) groups = g_key_file_get_groups(key_file, NULL);
    for (guint i = 0; groups[i] != NULL; i++)
        if (!take_group(self, path, key_file, groups[i], error))
            return FALSE;
    return TRUE;
}

static gboolean take_file(ConfigFile *config, const char *path, gboolean optional, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *text = NULL;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, &cause)) {
        if (optional && g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
            return TRUE;
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                          "Mend it, or name another file with --config.",
                          "The configuration cannot be read: %s.", cause->message);
        return FALSE;
    }
    return config_file_take_text(config, path, text, length, error);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted. NULL with an error when there is a directory that cannot be read. Names with a dot in
 * front are an editor's. */
static GPtrArray *list_drop_ins(const char *directory, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) dir = g_dir_open(directory, 0, &cause);
    const char *name;

    if (dir == NULL && !g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "Mend the directory, or remove it.",
                          "The configuration cannot be read: %s.", cause->message);
        return NULL;
    }
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        if (g_str_has_suffix(name, ".conf") && name[0] != '.')
            g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    return g_steal_pointer(&names);
}

ConfigFile *config_file_new(void)
{
    ConfigFile *self = g_new0(ConfigFile, 1);

    self->idle_exit = -1;
    self->real_time = TRUE;
    self->failure_defaults = failure_defaults_new();
    self->watchdog = WATCHDOG_NONE;
    self->watchdog_device = g_strdup(WATCHDOG_DEVICE_DEFAULT);
    self->watchdog_socket = g_strdup(WATCHDOG_SOCKET_DEFAULT);
    self->watchdog_timeout = WATCHDOG_TIMEOUT_DEFAULT;
    self->libvirt_driver = g_strdup("QEMU");
    self->libvirt_run_dir = g_strdup("/run/libvirt/qemu");
    return self;
}

ConfigFile *config_file_load(const char *path, gboolean optional, GError **error)
{
    g_autoptr(ConfigFile) self = config_file_new();
    g_autofree char *directory = g_strconcat(path, ".d", NULL);

    g_autoptr(GPtrArray) names = list_drop_ins(directory, error);
    if (names == NULL || !take_file(self, path, optional, error))
        return NULL;
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *drop_in = g_build_filename(directory, names->pdata[i], NULL);
        if (!take_file(self, drop_in, FALSE, error))
            return NULL;
    }
    return g_steal_pointer(&self);
}

void config_file_free(ConfigFile *self)
{
    if (self == NULL)
        return;
    failure_defaults_unref(self->failure_defaults);
    g_free(self->watchdog_device);
    g_free(self->watchdog_socket);
    g_free(self->libvirt_driver);
    g_free(self->libvirt_run_dir);
    g_free(self);
}
