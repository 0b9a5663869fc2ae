/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Packets between the daemon and its launcher.
 */
#include "actions/launcher-message.h"

#include <string.h>

#define REQUEST_MAGIC 0x6261714cu
#define ANSWER_MAGIC 0x6261614cu
#define HEAD_BYTES offsetof(LauncherRequest, bytes)
#define SIGNAL_MAX 64
#define ERRNO_MAX 4095

void launcher_request_init(LauncherRequest *ret, LauncherRequestKind kind, uint64_t id)
{
    memset(ret, 0, HEAD_BYTES);
    ret->magic = REQUEST_MAGIC;
    ret->kind = kind;
    ret->id = id;
}

static bool add_words(LauncherRequest *self, const char *const *words, uint16_t *n)
{
    for (; *words != NULL; words++) {
        size_t size = strlen(*words) + 1;

        if (self->n_args + self->n_env >= (int)LAUNCHER_WORDS_MAX ||
            size > LAUNCHER_BYTES_MAX - self->n_bytes)
            return false;
        memcpy(self->bytes + self->n_bytes, *words, size);
        self->n_bytes += (uint32_t)size;
        (*n)++;
    }
    return true;
}

bool launcher_request_add_args(LauncherRequest *self, const char *const *words)
{
    return self->n_env == 0 && add_words(self, words, &self->n_args);
}

bool launcher_request_add_env(LauncherRequest *self, const char *const *words)
{
    return add_words(self, words, &self->n_env);
}

size_t launcher_request_size(const LauncherRequest *self)
{
    return HEAD_BYTES + self->n_bytes;
}

/* The NULs are where the counts say: each word ends within the packet, and nothing follows them. */
static bool words_are_sound(const LauncherRequest *self)
{
    size_t at = 0;
    unsigned n_words = (unsigned)self->n_args + self->n_env;

    if (n_words > LAUNCHER_WORDS_MAX)
        return false;
    for (unsigned i = 0; i < n_words; i++) {
        const char *word = self->bytes + at;
        const char *end = memchr(word, '\0', self->n_bytes - at);

        if (end == NULL)
            return false;
        if (i == 0 && word[0] != '/')
            return false;
        if (i >= self->n_args && (word[0] == '=' || strchr(word, '=') == NULL))
            return false;
        at += (size_t)(end - word) + 1;
    }
    return at == self->n_bytes;
}

bool launcher_request_is_sound(const LauncherRequest *self, size_t size, unsigned n_fds)
{
    if (size < HEAD_BYTES || self->magic != REQUEST_MAGIC || self->id == 0 || self->reserved != 0 ||
        self->n_bytes > LAUNCHER_BYTES_MAX || size != HEAD_BYTES + self->n_bytes)
        return false;
    /* Which means "leave it as it is" to setresuid(). */
    if (self->uid == UINT32_MAX)
        return false;
    switch (self->kind) {
    case LAUNCHER_REQUEST_RUN:
        return n_fds == 1 && self->n_args > 0 && words_are_sound(self);
    case LAUNCHER_REQUEST_CHECK:
        return n_fds == 0 && self->n_args == 1 && self->n_env == 0 && words_are_sound(self);
    case LAUNCHER_REQUEST_KILL:
    case LAUNCHER_REQUEST_PING:
        return n_fds == 0 && self->n_args == 0 && self->n_env == 0 && self->n_bytes == 0;
    default:
        return false;
    }
}

void launcher_request_get_words(LauncherRequest *self, char *args[LAUNCHER_WORDS_MAX + 1],
                                char *env[LAUNCHER_WORDS_MAX + 1])
{
    char *word = self->bytes;

    for (unsigned i = 0; i < self->n_args; i++, word += strlen(word) + 1)
        args[i] = word;
    args[self->n_args] = NULL;
    for (unsigned i = 0; i < self->n_env; i++, word += strlen(word) + 1)
        env[i] = word;
    env[self->n_env] = NULL;
}

void launcher_answer_init(LauncherAnswer *ret, LauncherAnswerKind kind, uint64_t id)
{
    memset(ret, 0, sizeof *ret);
    ret->magic = ANSWER_MAGIC;
    ret->kind = kind;
    ret->id = id;
}

bool launcher_answer_is_sound(const LauncherAnswer *self, size_t size)
{
    if (size != sizeof *self || self->magic != ANSWER_MAGIC || self->id == 0)
        return false;
    switch (self->kind) {
    case LAUNCHER_ANSWER_EXITED:
        return self->stage == LAUNCHER_STAGE_NONE && self->detail >= 0 && self->detail <= 255;
    case LAUNCHER_ANSWER_SIGNALLED:
        return self->stage == LAUNCHER_STAGE_NONE && self->detail > 0 && self->detail <= SIGNAL_MAX;
    case LAUNCHER_ANSWER_KILLED:
        return self->stage == LAUNCHER_STAGE_NONE && self->detail == 0;
    case LAUNCHER_ANSWER_NOT_STARTED:
        return self->stage > LAUNCHER_STAGE_NONE && self->stage < LAUNCHER_STAGE_COUNT &&
               self->detail > 0 && self->detail <= ERRNO_MAX;
    case LAUNCHER_ANSWER_PONG:
        return self->stage == LAUNCHER_STAGE_NONE && self->detail > 0;
    default:
        return false;
    }
}
