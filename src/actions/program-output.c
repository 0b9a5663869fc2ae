/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The output of a program.
 *
 * A program must not wait for a pipe that nobody reads, and must not keep the main loop busy
 * either: as long as it keeps within its bounds it is read as it writes, with low priority; beyond
 * them a pipe's fill ten times a second.
 */
#include "actions/program-output.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#include "base/checked-time.h"
#include "common/boottime.h"

#define READ_BYTES 4096u
/* What a pipe holds as a rule, and so what a program can have written when it ends. */
#define READS_AT_ONCE 16
#define SLOW_READ_MS 100u

typedef struct LineBudget {
    guint64 began_us;
    guint used;
} LineBudget;

struct ProgramOutput {
    int fd;
    GSource *source;
    ProgramOutputLine line;
    gpointer user_data;
    char buffer[PROGRAM_OUTPUT_LINE_BYTES];
    gsize n_bytes; /* of an unfinished line in the buffer */
    gboolean cut;  /* more of that line was dropped */
    LineBudget budget;
    guint n_lines;
    guint64 n_dropped;
    gboolean slow;
};

static LineBudget all_budget;

static gboolean has_budget(const LineBudget *budget, guint limit, guint64 now_us)
{
    return budget->used < limit || time_since(now_us, budget->began_us) >= USEC_PER_SECOND;
}

static void use_budget(LineBudget *budget, guint64 now_us)
{
    if (time_since(now_us, budget->began_us) >= USEC_PER_SECOND)
        *budget = (LineBudget){ .began_us = now_us };
    budget->used++;
}

static gboolean may_write(ProgramOutput *self)
{
    guint64 now_us = boottime_now();

    if (self->n_lines >= PROGRAM_OUTPUT_LINES ||
        !has_budget(&self->budget, PROGRAM_OUTPUT_LINES_PER_SECOND, now_us) ||
        !has_budget(&all_budget, PROGRAM_OUTPUT_ALL_LINES_PER_SECOND, now_us))
        return FALSE;
    use_budget(&self->budget, now_us);
    use_budget(&all_budget, now_us);
    self->n_lines++;
    return TRUE;
}

static void append_escaped(GString *text, const char *bytes, gsize n)
{
    for (gsize i = 0; i < n; i++)
        g_string_append_printf(text, "\\x%02x", (guint8)bytes[i]);
}

static char *make_printable(const char *bytes, gsize n, gboolean cut)
{
    GString *text = g_string_sized_new(n);

    for (gsize at = 0; at < n;) {
        gunichar character = g_utf8_get_char_validated(bytes + at, (gssize)(n - at));
        /* Both negative values are above the last character. */
        gsize size = character <= 0x10ffff && character != 0
                         ? (gsize)(g_utf8_next_char(bytes + at) - (bytes + at))
                         : 1;

        if (character == '\t')
            g_string_append_c(text, ' ');
        else if (character <= 0x10ffff && g_unichar_isprint(character))
            g_string_append_len(text, bytes + at, (gssize)size);
        else
            append_escaped(text, bytes + at, size);
        at += size;
    }
    if (cut)
        g_string_append(text, " …");
    return g_string_free(text, FALSE);
}

static void write_line(ProgramOutput *self)
{
    if (may_write(self)) {
        g_autofree char *text = make_printable(self->buffer, self->n_bytes, self->cut);
        self->line(text, self->user_data);
    } else {
        self->n_dropped++;
    }
    self->n_bytes = 0;
    self->cut = FALSE;
}

static void take(ProgramOutput *self, const char *bytes, gsize n)
{
    while (n > 0) {
        const char *end = memchr(bytes, '\n', n);
        gsize length = end != NULL ? (gsize)(end - bytes) : n;
        gsize fits = MIN(length, sizeof self->buffer - self->n_bytes);

        memcpy(self->buffer + self->n_bytes, bytes, fits);
        self->n_bytes += fits;
        self->cut = self->cut || fits < length;
        if (end == NULL)
            return;
        write_line(self);
        bytes += length + 1;
        n -= length + 1;
    }
}

/* FALSE at the end. */
static gboolean read_some(ProgramOutput *self)
{
    char bytes[READ_BYTES];

    for (guint i = 0; i < READS_AT_ONCE; i++) {
        ssize_t n = read(self->fd, bytes, sizeof bytes);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        take(self, bytes, (gsize)n);
    }
    return TRUE;
}

static void drop_source(ProgramOutput *self)
{
    if (self->source != NULL)
        g_source_destroy(self->source);
    g_clear_pointer(&self->source, g_source_unref);
}

static gboolean on_slow_timer(gpointer user_data)
{
    ProgramOutput *self = user_data;

    if (read_some(self))
        return G_SOURCE_CONTINUE;
    drop_source(self);
    return G_SOURCE_REMOVE;
}

static gboolean on_readable(int fd, GIOCondition condition, gpointer user_data)
{
    ProgramOutput *self = user_data;

    if (!read_some(self)) {
        drop_source(self);
        return G_SOURCE_REMOVE;
    }
    if (self->n_dropped == 0 && !self->cut)
        return G_SOURCE_CONTINUE;
    drop_source(self);
    self->source = g_timeout_source_new(SLOW_READ_MS);
    g_source_set_callback(self->source, on_slow_timer, self, NULL);
    g_source_attach(self->source, NULL);
    return G_SOURCE_REMOVE;
}

ProgramOutput *program_output_new(int fd, ProgramOutputLine line, gpointer user_data)
{
    ProgramOutput *self = g_new0(ProgramOutput, 1);

    self->fd = fd;
    self->line = line;
    self->user_data = user_data;
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    self->source = g_unix_fd_source_new(fd, G_IO_IN);
    g_source_set_priority(self->source, G_PRIORITY_LOW);
    g_source_set_callback(self->source, G_SOURCE_FUNC(on_readable), self, NULL);
    g_source_attach(self->source, NULL);
    return self;
}

int program_output_get_fd(const ProgramOutput *self)
{
    return self->fd;
}

void program_output_finish(ProgramOutput *self)
{
    (void)read_some(self);
    if (self->n_bytes > 0)
        write_line(self);
    if (self->n_dropped > 0) {
        g_autofree char *text =
            g_strdup_printf("(%" G_GUINT64_FORMAT " more lines were dropped)", self->n_dropped);
        self->line(text, self->user_data);
    }
    drop_source(self);
    close(self->fd);
    g_free(self);
}
