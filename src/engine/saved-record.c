/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records in hexadecimal digits.
 */
#include "engine/saved-record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/runtime-file.h"
#include "common/runtime-text.h"

static void set_bytes(GKeyFile *file, const char *group, const char *key, const guint8 *bytes,
                      gsize length)
{
    static const char digits[] = "0123456789abcdef";
    g_autofree char *text = g_malloc(2 * length + 1);

    for (gsize i = 0; i < length; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * length] = '\0';
    g_key_file_set_value(file, group, key, text);
}

static gboolean get_bytes(GKeyFile *file, const char *group, const char *key, guint8 *bytes,
                          gsize length)
{
    g_autofree char *text = g_key_file_get_value(file, group, key, NULL);

    if (text == NULL || strlen(text) != 2 * length)
        return FALSE;
    for (gsize i = 0; i < length; i++) {
        int high = g_ascii_xdigit_value(text[2 * i]);
        int low = g_ascii_xdigit_value(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return FALSE;
        bytes[i] = (guint8)(high << 4 | low);
    }
    return TRUE;
}

void saved_leader_set(GKeyFile *file, const char *group, const char *key,
                      const LeaderRecord *record)
{
    guint8 bytes[LEADER_RECORD_SIZE];

    leader_record_encode(record, bytes);
    set_bytes(file, group, key, bytes, sizeof bytes);
}

void saved_leader_add(GString *text, const char *key, const LeaderRecord *record)
{
    guint8 bytes[LEADER_RECORD_SIZE];

    leader_record_encode(record, bytes);
    runtime_text_add_bytes(text, key, bytes, sizeof bytes);
}

gboolean saved_leader_get(GKeyFile *file, const char *group, const char *key, LeaderRecord *ret)
{
    guint8 bytes[LEADER_RECORD_SIZE];

    if (!get_bytes(file, group, key, bytes, sizeof bytes))
        return FALSE;
    leader_record_decode(ret, bytes);
    return TRUE;
}

void saved_ballot_add(GString *text, const char *key, const BallotRecord *record)
{
    guint8 bytes[BALLOT_RECORD_SIZE];

    ballot_record_encode(record, bytes);
    runtime_text_add_bytes(text, key, bytes, sizeof bytes);
}

gboolean saved_ballot_get(GKeyFile *file, const char *group, const char *key, BallotRecord *ret)
{
    guint8 bytes[BALLOT_RECORD_SIZE];

    if (!get_bytes(file, group, key, bytes, sizeof bytes))
        return FALSE;
    ballot_record_decode(ret, bytes);
    return TRUE;
}

gboolean saved_names_can_be_listed(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT;
    close(fd);
    return TRUE;
}

char **saved_names_list(const char *directory)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *entry;

    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        g_autofree char *name = runtime_file_name_of(entry);

        if (name != NULL)
            g_strv_builder_add(names, name);
    }
    return g_strv_builder_end(names);
}
