/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a domain's name to its process.
 */
#include "actions/domain-process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/printable-text.h"
#include "common/bailiff-error.h"

/* A number and a line end. */
#define PID_FILE_MAX 16
/* -name is the first of libvirt's arguments and -uuid follows within the first dozen. */
#define ARGUMENTS_MAX 65536
/* With ".pid" the 255 of a file name. */
#define NAME_MAX_BYTES 251

gboolean domain_process_name_is_valid(const char *name)
{
    gsize length = strlen(name);

    return length > 0 && length <= NAME_MAX_BYTES &&
           printable_text_length(name, length) == length && strchr(name, '/') == NULL &&
           !g_str_equal(name, ".") && !g_str_equal(name, "..");
}

/* Up to `max` bytes from the beginning; -1 when it cannot be read. */
static gssize read_some(int fd, char *ret, gsize max)
{
    gsize length = 0;

    while (length < max) {
        ssize_t n = read(fd, ret + length, max - length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        length += (gsize)n;
    }
    return (gssize)length;
}

/* The number in a pid file: DOMAIN_PROCESS_NONE without a file, FOUND with a number. */
static DomainProcessFind read_pid_file(const char *run_dir, const char *name, pid_t *ret)
{
    g_autofree char *file_name = g_strdup_printf("%s.pid", name);
    char text[PID_FILE_MAX + 1];
    guint64 number = 0;
    struct stat status;
    gssize length = -1;
    int directory, fd;

    directory = open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return errno == ENOENT ? DOMAIN_PROCESS_NONE : DOMAIN_PROCESS_UNPROVEN;
    fd = openat(directory, file_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        close(directory);
        return DOMAIN_PROCESS_NONE;
    }
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        length = read_some(fd, text, PID_FILE_MAX);
    if (fd >= 0)
        close(fd);
    close(directory);
    if (length <= 0 || length == PID_FILE_MAX)
        return DOMAIN_PROCESS_UNPROVEN;
    text[length] = '\0';
    g_strchomp(text);
    if (!g_ascii_string_to_unsigned(text, 10, 2, G_MAXINT32, &number, NULL))
        return DOMAIN_PROCESS_UNPROVEN;
    *ret = (pid_t)number;
    return DOMAIN_PROCESS_FOUND;
}

/* The value of `option` in the argument list: the argument behind it, if it is there as a whole. */
static const char *find_option(const char *arguments, gsize length, const char *option)
{
    const char *end = arguments + length;

    for (const char *argument = arguments; argument < end;) {
        const char *stop = memchr(argument, '\0', (gsize)(end - argument));
        const char *next;

        if (stop == NULL)
            return NULL;
        next = stop + 1;
        if (g_str_equal(argument, option))
            return next < end && memchr(next, '\0', (gsize)(end - next)) != NULL ? next : NULL;
        argument = next;
    }
    return NULL;
}

/* "guest=NAME" and whatever follows behind a comma; a comma within a value is doubled. */
static gboolean names_guest(const char *value, const char *name)
{
    g_auto(GStrv) parts = g_strsplit(name, ",", -1);
    g_autofree char *escaped = g_strjoinv(",,", parts);
    gsize length = strlen(escaped);

    if (!g_str_has_prefix(value, "guest="))
        return FALSE;
    value += strlen("guest=");
    return strncmp(value, escaped, length) == 0 &&
           (value[length] == '\0' || (value[length] == ',' && value[length + 1] != ','));
}

gboolean domain_process_is_qemu_of(const char *arguments, gsize length, const char *name,
                                   const char *uuid)
{
    const char *value = find_option(arguments, length, "-uuid");

    /* Another domain may have had this name, and its pid file. */
    if (value != NULL)
        return g_ascii_strcasecmp(value, uuid) == 0;
    value = find_option(arguments, length, "-name");
    return value != NULL && names_guest(value, name);
}

static gboolean is_qemu_of(pid_t pid, const char *name, const char *uuid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)pid);
    g_autofree char *arguments = g_malloc(ARGUMENTS_MAX);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    gssize length = -1;

    if (fd >= 0) {
        length = read_some(fd, arguments, ARGUMENTS_MAX);
        close(fd);
    }
    return length > 0 && domain_process_is_qemu_of(arguments, (gsize)length, name, uuid);
}

DomainProcessFind domain_process_find(const char *run_dir, const char *name, const char *uuid,
                                      const ProcessIdentity *known, ProcessIdentity *ret)
{
    g_auto(ProcessIdentity) process = { .pidfd = -1 };
    g_autoptr(GError) error = NULL;
    DomainProcessFind find;
    gboolean proven;
    pid_t pid;

    *ret = (ProcessIdentity){ .pidfd = -1 };
    find = read_pid_file(run_dir, name, &pid);
    if (find != DOMAIN_PROCESS_FOUND)
        return find;
    if (known->pidfd >= 0 && known->pid == pid && !process_identity_has_ended(known))
        return DOMAIN_PROCESS_KNOWN; /* its number is its own for as long as it lives */
    if (!process_identity_from_pid(&process, pid, 0, &error))
        return g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND)
                   ? DOMAIN_PROCESS_NONE
                   : DOMAIN_PROCESS_UNPROVEN;
    proven = is_qemu_of(pid, name, uuid);
    if (process_identity_has_ended(&process))
        return DOMAIN_PROCESS_NONE;
    if (!proven)
        return DOMAIN_PROCESS_UNPROVEN;
    *ret = process;
    process.pidfd = -1;
    return DOMAIN_PROCESS_FOUND;
}
