/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From one program to the next.
 */
#include "actions/launcher-inheritance.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actions/launcher-message.h"

#define GROUP "launcher"
#define FORMAT 1
/* More than the most programs can have. */
#define SIZE_MAX_BYTES (64u << 20)

LauncherInheritance *launcher_inheritance_new(void)
{
    LauncherInheritance *self = g_new0(LauncherInheritance, 1);

    self->launcher.socket_fd = -1;
    self->fd = -1;
    self->programs = g_ptr_array_new();
    return self;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void launcher_inheritance_free(LauncherInheritance *self)
{
    if (self == NULL)
        return;
    for (guint i = 0; i < self->programs->len; i++) {
        InheritedProgram *program = self->programs->pdata[i];

        if (self->is_owner)
            close_fd(&program->output_fd);
        g_free(program->path);
        g_free(program->log_prefix);
        g_free(program);
    }
    if (self->is_owner)
        close_fd(&self->launcher.socket_fd);
    close_fd(&self->fd);
    g_ptr_array_unref(self->programs);
    g_free(self);
}

void launcher_inheritance_add(LauncherInheritance *self, const InheritedProgram *program)
{
    InheritedProgram *copy = g_memdup2(program, sizeof *program);

    copy->path = g_strdup(program->path);
    copy->log_prefix = g_strdup(program->log_prefix);
    g_ptr_array_add(self->programs, copy);
}

/* --- giving ---------------------------------------------------------------------------------- */

static void set_close_on_exec(int fd, gboolean close_on_exec)
{
    if (fd >= 0)
        (void)fcntl(fd, F_SETFD, close_on_exec ? FD_CLOEXEC : 0);
}

static void set_all_close_on_exec(LauncherInheritance *self, gboolean close_on_exec)
{
    set_close_on_exec(self->launcher.socket_fd, close_on_exec);
    set_close_on_exec(self->fd, close_on_exec);
    for (guint i = 0; i < self->programs->len; i++)
        set_close_on_exec(((InheritedProgram *)self->programs->pdata[i])->output_fd, close_on_exec);
}

static void print_program(GKeyFile *file, guint place, const InheritedProgram *program)
{
    char group[32];

    g_snprintf(group, sizeof group, "program %u", place);
    g_key_file_set_uint64(file, group, "Id", program->id);
    g_key_file_set_string(file, group, "Path", program->path);
    if (program->log_prefix != NULL)
        g_key_file_set_string(file, group, "Prefix", program->log_prefix);
    g_key_file_set_uint64(file, group, "Registration", program->registration);
    g_key_file_set_uint64(file, group, "Step", program->step);
    g_key_file_set_uint64(file, group, "User", program->uid);
    g_key_file_set_uint64(file, group, "UntilUsec", program->until_us);
    g_key_file_set_integer(file, group, "Output", program->output_fd);
}

static char *print(const LauncherInheritance *self, gsize *ret_length)
{
    g_autoptr(GKeyFile) file = g_key_file_new();

    g_key_file_set_integer(file, GROUP, "Format", FORMAT);
    g_key_file_set_integer(file, GROUP, "Process", self->launcher.pid);
    g_key_file_set_integer(file, GROUP, "Socket", self->launcher.socket_fd);
    g_key_file_set_uint64(file, GROUP, "LastPing", self->launcher.last_ping);
    g_key_file_set_uint64(file, GROUP, "LastId", self->last_id);
    g_key_file_set_uint64(file, GROUP, "Programs", self->programs->len);
    for (guint i = 0; i < self->programs->len; i++)
        print_program(file, i, self->programs->pdata[i]);
    return g_key_file_to_data(file, ret_length, NULL);
}

char *launcher_inheritance_give(LauncherInheritance *self)
{
    gsize length;
    g_autofree char *text = print(self, &length);

    self->fd = memfd_create("bailiffd-launcher", MFD_CLOEXEC);
    if (self->fd < 0 || write(self->fd, text, length) != (ssize_t)length)
        return NULL;
    set_all_close_on_exec(self, FALSE);
    return g_strdup_printf("%d", self->fd);
}

void launcher_inheritance_keep(LauncherInheritance *self)
{
    set_all_close_on_exec(self, TRUE);
}

/* --- taking ---------------------------------------------------------------------------------- */

static char *read_all(int fd, gsize *ret_length)
{
    g_autofree char *text = NULL;
    struct stat facts;

    if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size <= 0 ||
        facts.st_size > (off_t)SIZE_MAX_BYTES)
        return NULL;
    text = g_malloc((gsize)facts.st_size + 1);
    if (pread(fd, text, (gsize)facts.st_size, 0) != facts.st_size)
        return NULL;
    text[facts.st_size] = '\0';
    *ret_length = (gsize)facts.st_size;
    return g_steal_pointer(&text);
}

/* An open one that is none of the first three, and a `kind` (S_IFSOCK, S_IFIFO); else -1. */
static int get_fd(GKeyFile *file, const char *group, const char *key, mode_t kind)
{
    int fd = g_key_file_get_integer(file, group, key, NULL);
    struct stat facts;

    if (fd <= STDERR_FILENO || fstat(fd, &facts) != 0 || (facts.st_mode & S_IFMT) != kind)
        return -1;
    set_close_on_exec(fd, TRUE);
    return fd;
}

static gboolean take_program(LauncherInheritance *self, GKeyFile *file, guint place)
{
    InheritedProgram program = { 0 };
    g_autofree char *path = NULL, *log_prefix = NULL;
    char group[32];

    g_snprintf(group, sizeof group, "program %u", place);
    program.path = path = g_key_file_get_string(file, group, "Path", NULL);
    program.log_prefix = log_prefix = g_key_file_get_string(file, group, "Prefix", NULL);
    program.id = g_key_file_get_uint64(file, group, "Id", NULL);
    program.registration = g_key_file_get_uint64(file, group, "Registration", NULL);
    program.step = (guint)g_key_file_get_uint64(file, group, "Step", NULL);
    program.uid = (uid_t)g_key_file_get_uint64(file, group, "User", NULL);
    program.until_us = g_key_file_get_uint64(file, group, "UntilUsec", NULL);
    program.output_fd = get_fd(file, group, "Output", S_IFIFO);
    if (path == NULL || program.id == 0 || program.id > self->last_id)
        return FALSE;
    launcher_inheritance_add(self, &program);
    return TRUE;
}

static LauncherInheritance *take_all(GKeyFile *file)
{
    g_autoptr(LauncherInheritance) self = launcher_inheritance_new();
    guint64 n = g_key_file_get_uint64(file, GROUP, "Programs", NULL);
    gboolean is_good = TRUE;

    self->is_owner = TRUE;
    self->launcher.pid = g_key_file_get_integer(file, GROUP, "Process", NULL);
    self->launcher.socket_fd = get_fd(file, GROUP, "Socket", S_IFSOCK);
    self->launcher.last_ping = g_key_file_get_uint64(file, GROUP, "LastPing", NULL);
    self->last_id = g_key_file_get_uint64(file, GROUP, "LastId", NULL);
    for (guint i = 0; i < n && i < LAUNCHER_PROGRAMS_MAX; i++)
        is_good = take_program(self, file, i) && is_good;
    return is_good && self->launcher.socket_fd >= 0 ? g_steal_pointer(&self) : NULL;
}

LauncherInheritance *launcher_inheritance_take(const char *word)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *text = NULL;
    gsize length = 0;
    guint64 fd = 0;

    if (!g_ascii_string_to_unsigned(word, 10, STDERR_FILENO + 1, G_MAXINT, &fd, NULL))
        return NULL;
    text = read_all((int)fd, &length);
    if (text == NULL)
        return NULL;
    close((int)fd);
    if (!g_key_file_load_from_data(file, text, length, G_KEY_FILE_NONE, NULL) ||
        g_key_file_get_integer(file, GROUP, "Format", NULL) != FORMAT)
        return NULL;
    return take_all(file);
}
