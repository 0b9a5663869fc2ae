/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fields of a line of the log, as a writer of GLib's gets them.
 */
#include <glib.h>
#include <string.h>

#include "common/log-message.h"

static GHashTable *last_fields;
static GLogLevelFlags last_level;

static GLogWriterOutput keep_fields(GLogLevelFlags level, const GLogField *fields, gsize n,
                                    gpointer user_data)
{
    last_level = level;
    g_hash_table_remove_all(last_fields);
    for (gsize i = 0; i < n; i++) {
        g_assert_cmpint(fields[i].length, ==, -1);
        g_assert_true(
            g_hash_table_insert(last_fields, g_strdup(fields[i].key), g_strdup(fields[i].value)));
    }
    return G_LOG_WRITER_HANDLED;
}

static const char *field(const char *key)
{
    return g_hash_table_lookup(last_fields, key);
}

static void test_fields_of_a_notable_message(void)
{
    log_message(MESSAGE_LOCKSPACE_LATE,
                LOG_SUBJECT(.lockspace = "vms", .host_id = 7, .resource = "disk", .registration = 3,
                            .registration_name = "web", .pid = 4711, .step = "kill",
                            .incident = G_MAXUINT64),
                "Lockspace %s is late", "vms");
    g_assert_cmpstr(field("MESSAGE"), ==, "Lockspace vms is late");
    g_assert_cmpstr(field("MESSAGE_ID"), ==, message_kind(MESSAGE_LOCKSPACE_LATE)->id);
    g_assert_cmpstr(field("PRIORITY"), ==, "4");
    g_assert_cmpstr(field("GLIB_DOMAIN"), ==, "bailiff");
    g_assert_cmpstr(field("LOCKSPACE"), ==, "vms");
    g_assert_cmpstr(field("HOST_ID"), ==, "7");
    g_assert_cmpstr(field("RESOURCE"), ==, "disk");
    g_assert_cmpstr(field("REGISTRATION"), ==, "3");
    g_assert_cmpstr(field("REGISTRATION_NAME"), ==, "web");
    g_assert_cmpstr(field("OBJECT_PID"), ==, "4711");
    g_assert_cmpstr(field("STEP"), ==, "kill");
    g_assert_cmpstr(field("INCIDENT"), ==, "18446744073709551615");
    g_assert_true(g_str_has_suffix(field("CODE_FILE"), "test-log-message.c"));
    g_assert_cmpuint(g_ascii_strtoull(field("CODE_LINE"), NULL, 10), >, 0);
    g_assert_cmpstr(field("CODE_FUNC"), ==, "test_fields_of_a_notable_message");
    g_assert_cmpuint(g_hash_table_size(last_fields), ==, 15);
}

static void test_only_what_it_is_about(void)
{
    log_message(MESSAGE_DAEMON_STOPPED, NULL, "Over");
    g_assert_cmpuint(g_hash_table_size(last_fields), ==, 7);
    log_line(LOG_INFO, LOG_SUBJECT(.resource = "disk"), "A line");
    g_assert_null(field("MESSAGE_ID"));
    g_assert_cmpstr(field("RESOURCE"), ==, "disk");
    g_assert_cmpuint(g_hash_table_size(last_fields), ==, 7);
}

static void test_one_line_of_printable_text(void)
{
    log_line(LOG_NOTICE, NULL, "cause.\ncure\twith \x1b[2J and \xff and \xc3\xa4.\n");
    g_assert_cmpstr(field("MESSAGE"), ==, "cause. cure with ?[2J and ? and \xc3\xa4.");
}

/* A test ends on GLib's warnings: a failing lockspace must not be one. */
static void test_levels(void)
{
    for (int message = 0; message < MESSAGE_COUNT; message++) {
        const MessageKind *kind = message_kind((MessageId)message);

        log_message((MessageId)message, NULL, "%s", kind->name);
        g_assert_cmpint(field("PRIORITY")[0] - '0', ==, kind->priority);
        g_assert_cmpint(last_level, ==,
                        kind->priority == LOG_DEBUG  ? G_LOG_LEVEL_DEBUG
                        : kind->priority == LOG_INFO ? G_LOG_LEVEL_INFO
                                                     : G_LOG_LEVEL_MESSAGE);
    }
}

static void test_table(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (int message = 0; message < MESSAGE_COUNT; message++) {
        const MessageKind *kind = message_kind((MessageId)message);

        g_assert_nonnull(kind->name);
        g_assert_cmpuint(strlen(kind->id), ==, 32);
        g_assert_cmpuint(strspn(kind->id, "0123456789abcdef"), ==, 32);
        g_assert_true(g_hash_table_add(seen, (gpointer)kind->name));
        g_assert_true(g_hash_table_add(seen, (gpointer)kind->id));
        g_assert_true(message_kind_of_id(kind->id) == kind);
        g_assert_cmpint(kind->priority, >=, LOG_ALERT);
        g_assert_cmpint(kind->priority, <=, LOG_DEBUG);
    }
    g_assert_null(message_kind_of_id("00000000000000000000000000000000"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    last_fields = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_log_set_writer_func(keep_fields, NULL, NULL);
    g_test_add_func("/log-message/fields-of-a-notable-message", test_fields_of_a_notable_message);
    g_test_add_func("/log-message/only-what-it-is-about", test_only_what_it_is_about);
    g_test_add_func("/log-message/one-line-of-printable-text", test_one_line_of_printable_text);
    g_test_add_func("/log-message/levels", test_levels);
    g_test_add_func("/log-message/table", test_table);
    return g_test_run();
}
