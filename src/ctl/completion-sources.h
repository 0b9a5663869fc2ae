/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the words come from that may stand next on a command line: bailiffd, systemd and libvirt on
 * the bus, the processes, the files. Each source is asked only for what is wanted, never started,
 * and says nothing where it is not there.
 */
#pragma once

#include <glib.h>

typedef struct CompletionList CompletionList;

CompletionList *completion_list_new(const char *current);
void completion_list_free(CompletionList *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CompletionList, completion_list_free)

/* What was typed of the word so far. */
const char *completion_list_current(const CompletionList *self);

/* From now on candidates are for what follows the first `length` bytes of the current word. */
void completion_list_skip(CompletionList *self, gsize length);

/* Takes the word when the current one is its beginning and it is printable. `description` may be
 * NULL, and of unknown origin. */
void completion_list_add(CompletionList *self, const char *word, const char *description);
void completion_list_add_directive(CompletionList *self, const char *directive);
void completion_list_print(const CompletionList *self);

/* Adds what `kind` may be, a word as the help of the verbs has them: LOCKSPACE, PATH[:OFFSET], …;
 * of others there are no candidates. `arguments` (const char *) stand before it. */
void completion_source_add(CompletionList *self, const char *kind, const GPtrArray *arguments);
