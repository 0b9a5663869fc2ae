/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Key files that are replaced as a whole.
 */
#include "common/runtime-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "common/bailiff-error.h"
#include "common/process-identity.h"

#define PAGE RUNTIME_FILE_PAGE
#define SIZE_MAX_BYTES (1024u * 1024u)
#define HEAD "# bailiff crc32c "
#define HEAD_LENGTH RUNTIME_FILE_HEAD_LENGTH
G_STATIC_ASSERT(HEAD_LENGTH == sizeof HEAD - 1 + 8 + 1); /* with the sum and the end of the line */

#define VOID_HEAD "# bailiff void           \n"
G_STATIC_ASSERT(sizeof VOID_HEAD - 1 == HEAD_LENGTH);
/* No name of a lockspace or resource begins with it once it is escaped, nor is any empty or a dot.
 */
#define NAME_PREFIX "n-"

const char *runtime_file_boot(GError **error)
{
    static char *id = NULL;

    if (id == NULL)
        id = process_boot_id(error);
    return id;
}

GKeyFile *runtime_file_new(const char *group, int format, GError **error)
{
    const char *boot_id = runtime_file_boot(error);
    GKeyFile *file;

    if (boot_id == NULL)
        return NULL;
    file = g_key_file_new();
    g_key_file_set_integer(file, group, "Format", format);
    g_key_file_set_string(file, group, "BootId", boot_id);
    return file;
}

static guint32 checksum(const char *text, gsize length)
{
    return ~crc32c(0xFFFFFFFFu, text, length);
}

/* Padded to whole pages, so that a later version with about as much to say has the same size. */
static void seal(GString *text)
{
    gsize length = text->len;
    char head[HEAD_LENGTH + 1];

    g_string_set_size(text, (length + PAGE - 1) / PAGE * PAGE);
    memset(text->str + length, '\n', text->len - length);
    g_snprintf(head, sizeof head, HEAD "%08x\n",
               checksum(text->str + HEAD_LENGTH, text->len - HEAD_LENGTH));
    memcpy(text->str, head, HEAD_LENGTH);
}

/* One of ours, of one page. -1: there is none. */
static int open_for_writing(const char *path)
{
    struct stat facts;
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd >= 0 && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size == PAGE &&
        facts.st_uid == geteuid())
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* One page only: a process that is killed ends its write() between two pages, and leaves the first
 * of this version with the second of the last one. FALSE: it is to be made anew. */
static gboolean write_in_place(const char *path, const char *bytes, gsize length)
{
    int fd = length <= PAGE ? open_for_writing(path) : -1;
    gboolean worked = fd >= 0 && pwrite(fd, bytes, length, 0) == (gssize)length;

    if (fd >= 0)
        close(fd);
    return worked;
}

gboolean runtime_file_make_void(const char *path)
{
    return write_in_place(path, VOID_HEAD, HEAD_LENGTH);
}

static gboolean write_new(const char *directory, const char *name, const char *path,
                          const GString *text, GError **error)
{
    g_autofree char *new_name = g_strconcat(RUNTIME_FILE_NEW, name, NULL);
    g_autofree char *temporary = g_build_filename(directory, new_name, NULL);

    /* What a daemon that died has left there would not be truncated: its tail would be read as
     * ours. */
    g_unlink(temporary);
    if (g_mkdir_with_parents(directory, 0700) == 0 &&
        g_file_set_contents_full(temporary, text->str, (gssize)text->len, G_FILE_SET_CONTENTS_NONE,
                                 0600, error) &&
        g_rename(temporary, path) == 0)
        return TRUE;
    if (error != NULL && *error == NULL)
        g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, g_strerror(errno));
    return FALSE;
}

gboolean runtime_file_write_text(const char *directory, const char *name, GString *text,
                                 const char *cure, GError **error)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_autoptr(GError) local = NULL;

    seal(text);
    if (write_in_place(path, text->str, text->len) ||
        write_new(directory, name, path, text, &local))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, cure, "%s could not be written: %s.", path,
                      local->message);
    return FALSE;
}

gboolean runtime_file_write(const char *directory, const char *name, GKeyFile *file,
                            const char *cure, GError **error)
{
    gsize length;
    g_autofree char *data = g_key_file_to_data(file, &length, NULL);
    g_autoptr(GString) text = g_string_sized_new(MAX(PAGE, HEAD_LENGTH + length));

    g_string_set_size(text, HEAD_LENGTH);
    g_string_append_len(text, data, (gssize)length);
    return runtime_file_write_text(directory, name, text, cure, error);
}

static gboolean is_whole(const char *text, gsize length)
{
    char head[HEAD_LENGTH + 1];

    if (length < HEAD_LENGTH)
        return FALSE;
    g_snprintf(head, sizeof head, HEAD "%08x\n",
               checksum(text + HEAD_LENGTH, length - HEAD_LENGTH));
    return memcmp(head, text, HEAD_LENGTH) == 0;
}

/* NULL with an errno; EPERM: it is somebody else's. */
static char *read_own_file(const char *path, gsize max, gsize *ret_length)
{
    g_autofree char *text = NULL;
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    gssize got = -1;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_uid != geteuid() ||
        facts.st_size > (goffset)max) {
        int reason = S_ISREG(facts.st_mode) && facts.st_uid != geteuid() ? EPERM : EBADMSG;

        close(fd);
        errno = reason;
        return NULL;
    }
    text = g_malloc((gsize)facts.st_size + 1);
    got = pread(fd, text, (gsize)facts.st_size, 0);
    close(fd);
    if (got != facts.st_size) {
        errno = EBADMSG;
        return NULL;
    }
    text[got] = '\0';
    *ret_length = (gsize)got;
    return g_steal_pointer(&text);
}

static gboolean says_void(const char *text, gsize length)
{
    return length >= HEAD_LENGTH && memcmp(text, VOID_HEAD, HEAD_LENGTH) == 0;
}

gboolean runtime_file_is_void(const char *path)
{
    gsize length = 0;
    g_autofree char *text = read_own_file(path, SIZE_MAX_BYTES, &length);

    return text != NULL && says_void(text, length);
}

static GKeyFile *load(const char *directory, const char *name, const char *group, int format,
                      gsize max, gboolean is_sealed, GError **error)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_autoptr(GKeyFile) file = g_key_file_new();
    gsize length = 0;
    g_autofree char *text = read_own_file(path, max, &length);
    g_autofree char *boot_id = NULL;
    int saved_errno = errno;

    if (text == NULL && saved_errno == ENOENT) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, "Nothing is to be done.",
                          "There is no %s.", path);
        return NULL;
    }
    if (text == NULL && saved_errno == EPERM) {
        bailiff_set_error(error, BAILIFF_ERROR_CORRUPT,
                          "Make sure that nothing which it may tell of still runs, then remove it.",
                          "%s belongs to another user than the one who reads it.", path);
        return NULL;
    }
    if (text == NULL && saved_errno != EBADMSG && saved_errno != ELOOP) {
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "Mend the runtime directory.",
                          "%s cannot be read: %s.", path, g_strerror(saved_errno));
        return NULL;
    }
    if (text != NULL && says_void(text, length)) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, "Nothing is to be done.",
                          "What %s told of is over.", path);
        return NULL;
    }
    if (text == NULL || (is_sealed && !is_whole(text, length)) ||
        !g_key_file_load_from_data(file, text, length, G_KEY_FILE_NONE, NULL) ||
        (!is_sealed && !g_key_file_has_key(file, group, "BootId", NULL))) {
        bailiff_set_error(error, BAILIFF_ERROR_CORRUPT,
                          "Make sure that nothing which it may tell of still runs, then remove it.",
                          "%s is damaged, or was not written by bailiffd.", path);
        return NULL;
    }
    boot_id = g_key_file_get_string(file, group, "BootId", NULL);
    if (boot_id != NULL && runtime_file_boot(NULL) != NULL &&
        !g_str_equal(boot_id, runtime_file_boot(NULL))) {
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, "Nothing is to be done.",
                          "%s is of an earlier boot.", path);
        return NULL;
    }
    if (boot_id == NULL || g_key_file_get_integer(file, group, "Format", NULL) != format) {
        bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED,
                          "Start the bailiffd that wrote it; or make sure that nothing which it "
                          "tells of still runs, then remove it.",
                          "%s was written by another version of bailiffd.", path);
        return NULL;
    }
    return g_steal_pointer(&file);
}

GKeyFile *runtime_file_load(const char *directory, const char *name, const char *group, int format,
                            GError **error)
{
    return load(directory, name, group, format, SIZE_MAX_BYTES, TRUE, error);
}

GKeyFile *runtime_file_load_unsealed(const char *directory, const char *name, const char *group,
                                     int format, gsize max, GError **error)
{
    return load(directory, name, group, format, max, FALSE, error);
}

char *runtime_file_name(const char *name)
{
    g_autofree char *escaped = g_uri_escape_string(name, NULL, FALSE);

    return g_strconcat(NAME_PREFIX, escaped, NULL);
}

char *runtime_file_name_of(const char *file_name)
{
    if (!g_str_has_prefix(file_name, NAME_PREFIX))
        return NULL;
    return g_uri_unescape_string(file_name + strlen(NAME_PREFIX), NULL);
}
