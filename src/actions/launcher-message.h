/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon and its launcher say to each other: packets on a socket that only these two have.
 *
 * Both are the same executable, so a packet is a struct as the compiler lays it out. Neither trusts
 * the other for that: a packet is looked at as a whole before any of it is used, and who gets one
 * that is not sound ends the connection.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Goes up with each change of what stands here. Daemon and launcher are the same file as a rule:
 * the first answer of a launcher is to show it. */
#define LAUNCHER_PROTOCOL 2

/* More than a failure policy and the variables of an exec step can have. */
#define LAUNCHER_WORDS_MAX 64u
#define LAUNCHER_BYTES_MAX 8192u

/* That are under way or have yet to end. */
#define LAUNCHER_PROGRAMS_MAX 4096u

typedef enum LauncherRequestKind {
    /* With one descriptor: where the program writes to. */
    LAUNCHER_REQUEST_RUN = 1,
    /* Whether a user could run the program; runs nothing. Answered as if it had run. */
    LAUNCHER_REQUEST_CHECK,
    /* The program is not wanted any more. Its answer comes as that of any other. */
    LAUNCHER_REQUEST_KILL,
    /* Are you there? `id` is this question's. */
    LAUNCHER_REQUEST_PING,
} LauncherRequestKind;

typedef struct LauncherRequest {
    uint32_t magic;
    uint32_t kind;
    uint64_t id;       /* of the program, or of the ping: never 0, never used again */
    uint64_t until_us; /* CLOCK_BOOTTIME: then it is killed */
    uint32_t uid;
    uint16_t n_args; /* words; the first one is the absolute path of the program */
    uint16_t n_env;  /* words after those, "NAME=value" */
    uint32_t n_bytes;
    uint32_t reserved;              /* 0 */
    char bytes[LAUNCHER_BYTES_MAX]; /* the words, each with its NUL; only `n_bytes` are sent */
} LauncherRequest;

typedef enum LauncherAnswerKind {
    LAUNCHER_ANSWER_EXITED = 1,  /* `detail`: the status */
    LAUNCHER_ANSWER_SIGNALLED,   /* `detail`: the signal that ended it */
    LAUNCHER_ANSWER_KILLED,      /* at its limit or as asked for; it may have yet to end */
    LAUNCHER_ANSWER_NOT_STARTED, /* `detail`: errno; `stage`: of what */
    LAUNCHER_ANSWER_PONG,        /* `detail`: LAUNCHER_PROTOCOL of who answers */
} LauncherAnswerKind;

typedef enum LauncherStage {
    LAUNCHER_STAGE_NONE,
    LAUNCHER_STAGE_FORK,
    LAUNCHER_STAGE_PREPARE, /* its descriptors, directory, session */
    LAUNCHER_STAGE_USER,
    LAUNCHER_STAGE_PROGRAM, /* execve(), or a look at the file */
    LAUNCHER_STAGE_COUNT,
} LauncherStage;

/* One for each request but KILL; for PING, one for the last of several. */
typedef struct LauncherAnswer {
    uint32_t magic;
    uint32_t kind;
    uint64_t id;
    int32_t detail;
    uint32_t stage;
} LauncherAnswer;

void launcher_request_init(LauncherRequest *ret, LauncherRequestKind kind, uint64_t id);

/* `words` ends with NULL. False when there is no room for them; arguments go before variables. */
bool launcher_request_add_args(LauncherRequest *self, const char *const *words);
bool launcher_request_add_env(LauncherRequest *self, const char *const *words);

/* How many bytes of it are to be sent. */
size_t launcher_request_size(const LauncherRequest *self);

/* Of `size` bytes that were received with `n_fds` descriptors. */
bool launcher_request_is_sound(const LauncherRequest *self, size_t size, unsigned n_fds);

/* Of a sound one. Each array ends with NULL, and points into `self`. */
void launcher_request_get_words(LauncherRequest *self, char *args[LAUNCHER_WORDS_MAX + 1],
                                char *env[LAUNCHER_WORDS_MAX + 1]);

void launcher_answer_init(LauncherAnswer *ret, LauncherAnswerKind kind, uint64_t id);
bool launcher_answer_is_sound(const LauncherAnswer *self, size_t size);
