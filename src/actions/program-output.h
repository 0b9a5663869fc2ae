/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a program writes, line by line and fit for a log, within bounds: a program is somebody's,
 * and may write without end. What is beyond the bounds is read and dropped, and said to be.
 */
#pragma once

#include <glib.h>

/* Of a line; the rest of it is cut off. */
#define PROGRAM_OUTPUT_LINE_BYTES 512u
/* Of one program, in one second and in all. */
#define PROGRAM_OUTPUT_LINES_PER_SECOND 20u
#define PROGRAM_OUTPUT_LINES 200u
/* Of all programs together, in one second. */
#define PROGRAM_OUTPUT_ALL_LINES_PER_SECOND 500u

typedef struct ProgramOutput ProgramOutput;

/* `line` is valid UTF-8 of visible characters and blanks, others are \xNN. */
typedef void (*ProgramOutputLine)(const char *line, gpointer user_data);

/* Takes over `fd`, the end of a pipe to read from. Lines come from the main loop. */
ProgramOutput *program_output_new(int fd, ProgramOutputLine line, gpointer user_data);

/* The end of the pipe, for a daemon that executes itself anew. It stays this one's. */
int program_output_get_fd(const ProgramOutput *self);

/* The program has ended: the rest of what it wrote, what was dropped, and the end of `self`. */
void program_output_finish(ProgramOutput *self);
