/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * replay FOLDER [N]: a fuzz target as a plain test, without libFuzzer. Runs each input of FOLDER
 * and N (200) variations of it that are the same every time, and reports in TAP, one case for each
 * input. An input that ends the program is left behind in the working directory, to be given to
 * `replay FILE`.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#define VARIATIONS "200"
#define LENGTH_MAX 4096u

typedef struct Input {
    char *name;
    uint8_t *bytes;
    gsize length;
} Input;

/* What is being run, for on_death(). */
static const uint8_t *current_bytes;
static size_t current_length;
static char current_file[256];

/* Only what a signal handler may call. */
static void on_death(int signal_number)
{
    static const char message[] = "# the input that did it is in ";
    int fd = open(current_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd >= 0 && write(fd, current_bytes, current_length) == (ssize_t)current_length &&
        write(STDERR_FILENO, message, sizeof message - 1) > 0 &&
        write(STDERR_FILENO, current_file, strlen(current_file)) > 0 &&
        write(STDERR_FILENO, "\n", 1) > 0)
        close(fd);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void run(const uint8_t *bytes, size_t length)
{
    /* A copy of just that size: whoever reads on is caught. */
    g_autofree uint8_t *copy = g_memdup2(bytes, length);

    current_bytes = bytes;
    current_length = length;
    LLVMFuzzerTestOneInput(copy, length);
}

static uint32_t next_random(uint32_t *state)
{
    /* Marsaglia's xorshift: not GLib's, whose numbers are not promised to stay. */
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static gsize below(uint32_t *state, gsize limit)
{
    return limit == 0 ? 0 : next_random(state) % limit;
}

/* One small change; returns the new length. */
static gsize vary(uint8_t *bytes, gsize length, const Input *other, uint32_t *state)
{
    static const uint8_t telling[] = { 0, 1, 2, 3, 0x7f, 0x80, 0xfe, 0xff, ' ', ':', ')', ',' };
    gsize at = below(state, length), n = 1 + below(state, 16);

    switch (next_random(state) % 6) {
    case 0:
        if (length > 0)
            bytes[at] ^= (uint8_t)(1u << below(state, 8));
        return length;
    case 1:
        if (length > 0)
            bytes[at] = telling[below(state, sizeof telling)];
        return length;
    case 2:
        if (length > 0)
            bytes[at] = (uint8_t)next_random(state);
        return length;
    case 3: /* remove */
        n = MIN(n, length - at);
        memmove(bytes + at, bytes + at + n, length - at - n);
        return length - n;
    case 4: /* repeat */
        n = MIN(MIN(n, length - at), LENGTH_MAX - length);
        memmove(bytes + at + n, bytes + at, length - at);
        return length + n;
    default: { /* take from another one */
        gsize from = below(state, other->length);
        n = MIN(MIN(4 * n, other->length - from), LENGTH_MAX - at);
        if (n > 0)
            memcpy(bytes + at, other->bytes + from, n);
        return MAX(length, at + n);
    }
    }
}

static void run_varied(const Input *input, const GArray *inputs, guint64 variations)
{
    uint8_t bytes[LENGTH_MAX];
    uint32_t state = g_str_hash(input->name) | 1;

    for (guint64 i = 0; i < variations; i++) {
        gsize length = MIN(input->length, LENGTH_MAX);

        memcpy(bytes, input->bytes, length);
        for (gsize n = 1 + below(&state, 4); n > 0; n--) {
            const Input *other = &g_array_index(inputs, Input, below(&state, inputs->len));
            length = vary(bytes, length, other, &state);
        }
        run(bytes, length);
    }
}

static void add_input(GArray *inputs, const char *path)
{
    Input input = { .name = g_path_get_basename(path) };
    char *contents;
    GError *error = NULL;

    if (!g_file_get_contents(path, &contents, &input.length, &error)) {
        fprintf(stderr, "%s\n", error->message);
        exit(2);
    }
    input.bytes = (uint8_t *)contents;
    g_array_append_val(inputs, input);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const Input *)a)->name, ((const Input *)b)->name);
}

static void input_clear(void *input)
{
    g_free(((Input *)input)->name);
    g_free(((Input *)input)->bytes);
}

int main(int argc, char **argv)
{
    GArray *inputs = g_array_new(FALSE, FALSE, sizeof(Input));
    g_autoptr(GDir) folder = NULL;
    const char *entry;
    guint64 variations;

    if (argc < 2 || argc > 3 ||
        !g_ascii_string_to_unsigned(argc > 2 ? argv[2] : VARIATIONS, 10, 0, 1000000, &variations,
                                    NULL)) {
        fprintf(stderr, "usage: %s FOLDER [VARIATIONS] | FILE\n", argv[0]);
        return 2;
    }
    g_array_set_clear_func(inputs, input_clear);
    folder = g_dir_open(argv[1], 0, NULL);
    while (folder != NULL && (entry = g_dir_read_name(folder)) != NULL) {
        g_autofree char *path = g_build_filename(argv[1], entry, NULL);
        add_input(inputs, path);
    }
    if (folder == NULL)
        add_input(inputs, argv[1]);
    g_array_sort(inputs, compare_names);

    g_autofree char *program = g_path_get_basename(argv[0]);
    g_snprintf(current_file, sizeof current_file, "finding-%s", program);
    signal(SIGABRT, on_death);
    signal(SIGSEGV, on_death);
    signal(SIGBUS, on_death);
    LLVMFuzzerInitialize(&argc, &argv);

    printf("1..%u\n", inputs->len);
    for (unsigned i = 0; i < inputs->len; i++) {
        const Input *input = &g_array_index(inputs, Input, i);

        run(input->bytes, input->length);
        if (folder != NULL)
            run_varied(input, inputs, variations);
        printf("ok %u - %s\n", i + 1, input->name);
        fflush(stdout);
    }
    g_array_unref(inputs);
    return 0;
}
