/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Packets between daemon and launcher: what is made is sound and comes out as it went in; what is
 * altered is not sound, or says something else that is.
 */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "actions/launcher-message.h"

static const char *const some_args[] = { "/bin/program", "", "two words", NULL };
static const char *const some_env[] = { "A=1", "B=", NULL };
static const char *const no_words[] = { NULL };

static LauncherRequest request; /* too large for a stack */

static void make_run(void)
{
    memset(&request, 0xa5, sizeof request);
    launcher_request_init(&request, LAUNCHER_REQUEST_RUN, 7);
    request.uid = 1000;
    g_assert_true(launcher_request_add_args(&request, some_args));
    g_assert_true(launcher_request_add_env(&request, some_env));
}

static gboolean is_sound(guint n_fds)
{
    return launcher_request_is_sound(&request, launcher_request_size(&request), n_fds);
}

static void test_words(void)
{
    char *args[LAUNCHER_WORDS_MAX + 1], *env[LAUNCHER_WORDS_MAX + 1];

    make_run();
    g_assert_true(is_sound(1));
    launcher_request_get_words(&request, args, env);
    for (guint i = 0; i < G_N_ELEMENTS(some_args); i++)
        g_assert_cmpstr(args[i], ==, some_args[i]);
    for (guint i = 0; i < G_N_ELEMENTS(some_env); i++)
        g_assert_cmpstr(env[i], ==, some_env[i]);
    /* Arguments do not come after variables. */
    g_assert_false(launcher_request_add_args(&request, some_args));
}

static void test_kinds(void)
{
    make_run();
    g_assert_false(is_sound(0));
    g_assert_false(is_sound(2));

    launcher_request_init(&request, LAUNCHER_REQUEST_CHECK, 7);
    g_assert_false(is_sound(0));
    g_assert_true(launcher_request_add_args(&request, (const char *const[]){ "/bin/x", NULL }));
    g_assert_true(is_sound(0));
    g_assert_false(is_sound(1));
    g_assert_true(launcher_request_add_env(&request, some_env));
    g_assert_false(is_sound(0));

    launcher_request_init(&request, LAUNCHER_REQUEST_KILL, 7);
    g_assert_true(is_sound(0));
    g_assert_false(is_sound(1));
    g_assert_true(launcher_request_add_args(&request, some_args));
    g_assert_false(is_sound(0));

    launcher_request_init(&request, LAUNCHER_REQUEST_PING, 7);
    g_assert_true(is_sound(0));
    g_assert_false(is_sound(1));
    g_assert_true(launcher_request_add_env(&request, some_env));
    g_assert_false(is_sound(0));

    for (guint kind = 0; kind < 10; kind++) {
        make_run();
        request.kind = kind;
        g_assert_true(is_sound(1) == (kind == LAUNCHER_REQUEST_RUN));
    }
}

static void test_bad_fields(void)
{
    make_run();
    request.id = 0;
    g_assert_false(is_sound(1));
    make_run();
    request.uid = G_MAXUINT32;
    g_assert_false(is_sound(1));
    make_run();
    request.magic++;
    g_assert_false(is_sound(1));
    make_run();
    request.reserved = 1;
    g_assert_false(is_sound(1));
    make_run();
    request.n_args++;
    g_assert_false(is_sound(1));
    make_run();
    request.n_env = 65535;
    g_assert_false(is_sound(1));
    make_run();
    request.bytes[0] = 'x';
    g_assert_false(is_sound(1));
    make_run();
    request.bytes[request.n_bytes - 1] = 'x';
    g_assert_false(is_sound(1));
    make_run();
    request.n_bytes = G_MAXUINT32;
    g_assert_false(is_sound(1));
}

static void test_sizes(void)
{
    make_run();
    for (gsize size = 0; size <= sizeof request; size++)
        g_assert_true(launcher_request_is_sound(&request, size, 1) ==
                      (size == launcher_request_size(&request)));
}

static void test_bad_variables(void)
{
    const char *const bad[] = { "NOTHING", "=x", "", NULL };

    for (guint i = 0; bad[i] != NULL; i++) {
        launcher_request_init(&request, LAUNCHER_REQUEST_RUN, 7);
        g_assert_true(launcher_request_add_args(&request, some_args));
        g_assert_true(launcher_request_add_env(&request, (const char *const[]){ bad[i], NULL }));
        g_assert_false(is_sound(1));
    }
    launcher_request_init(&request, LAUNCHER_REQUEST_RUN, 7);
    g_assert_true(launcher_request_add_args(&request, no_words));
    g_assert_false(is_sound(1));
}

static void test_room(void)
{
    const char *words[LAUNCHER_WORDS_MAX + 2] = { "/x" };
    g_autofree char *fits = g_strnfill(LAUNCHER_BYTES_MAX - 1, '/');
    g_autofree char *does_not = g_strnfill(LAUNCHER_BYTES_MAX, '/');

    for (guint i = 1; i < LAUNCHER_WORDS_MAX; i++)
        words[i] = "y";
    launcher_request_init(&request, LAUNCHER_REQUEST_RUN, 7);
    g_assert_true(launcher_request_add_args(&request, words));
    g_assert_true(is_sound(1));
    g_assert_false(launcher_request_add_env(&request, some_env));
    words[LAUNCHER_WORDS_MAX] = "z";
    launcher_request_init(&request, LAUNCHER_REQUEST_RUN, 7);
    g_assert_false(launcher_request_add_args(&request, words));

    launcher_request_init(&request, LAUNCHER_REQUEST_RUN, 7);
    g_assert_true(launcher_request_add_args(&request, (const char *const[]){ fits, NULL }));
    g_assert_true(is_sound(1));
    launcher_request_init(&request, LAUNCHER_REQUEST_RUN, 7);
    g_assert_false(launcher_request_add_args(&request, (const char *const[]){ does_not, NULL }));
}

/* Whatever is sound has its words inside: read all of them. */
static void test_random_bytes(void)
{
    char *args[LAUNCHER_WORDS_MAX + 1], *env[LAUNCHER_WORDS_MAX + 1];
    guint n_sound = 0;

    for (guint round = 0; round < 20000; round++) {
        gsize length = 0;
        gint size;

        make_run();
        size = (gint)launcher_request_size(&request);
        for (gint n = g_test_rand_int_range(0, 3); n > 0; n--)
            ((guint8 *)&request)[g_test_rand_int_range(0, size)] ^=
                (guint8)g_test_rand_int_range(0, 256);
        if (!is_sound(1))
            continue;
        n_sound++;
        launcher_request_get_words(&request, args, env);
        for (guint i = 0; args[i] != NULL; i++)
            length += strlen(args[i]) + 1;
        for (guint i = 0; env[i] != NULL; i++)
            length += strlen(env[i]) + 1;
        g_assert_cmpuint(length, ==, request.n_bytes);
    }
    g_assert_cmpuint(n_sound, >, 0);
}

static void assert_answer(guint32 kind, gint32 detail, guint32 stage, gboolean expected)
{
    LauncherAnswer answer;

    launcher_answer_init(&answer, LAUNCHER_ANSWER_EXITED, 7);
    answer.kind = kind;
    answer.detail = detail;
    answer.stage = stage;
    g_assert_true(launcher_answer_is_sound(&answer, sizeof answer) == expected);
}

static void test_answers(void)
{
    LauncherAnswer answer;

    assert_answer(LAUNCHER_ANSWER_EXITED, 0, LAUNCHER_STAGE_NONE, TRUE);
    assert_answer(LAUNCHER_ANSWER_EXITED, 255, LAUNCHER_STAGE_NONE, TRUE);
    assert_answer(LAUNCHER_ANSWER_EXITED, 256, LAUNCHER_STAGE_NONE, FALSE);
    assert_answer(LAUNCHER_ANSWER_EXITED, -1, LAUNCHER_STAGE_NONE, FALSE);
    assert_answer(LAUNCHER_ANSWER_EXITED, 0, LAUNCHER_STAGE_PROGRAM, FALSE);
    assert_answer(LAUNCHER_ANSWER_SIGNALLED, 9, LAUNCHER_STAGE_NONE, TRUE);
    assert_answer(LAUNCHER_ANSWER_SIGNALLED, 0, LAUNCHER_STAGE_NONE, FALSE);
    assert_answer(LAUNCHER_ANSWER_SIGNALLED, 65, LAUNCHER_STAGE_NONE, FALSE);
    assert_answer(LAUNCHER_ANSWER_KILLED, 0, LAUNCHER_STAGE_NONE, TRUE);
    assert_answer(LAUNCHER_ANSWER_KILLED, 1, LAUNCHER_STAGE_NONE, FALSE);
    assert_answer(LAUNCHER_ANSWER_NOT_STARTED, ENOENT, LAUNCHER_STAGE_PROGRAM, TRUE);
    assert_answer(LAUNCHER_ANSWER_NOT_STARTED, 0, LAUNCHER_STAGE_PROGRAM, FALSE);
    assert_answer(LAUNCHER_ANSWER_NOT_STARTED, ENOENT, LAUNCHER_STAGE_NONE, FALSE);
    assert_answer(LAUNCHER_ANSWER_NOT_STARTED, ENOENT, LAUNCHER_STAGE_COUNT, FALSE);
    assert_answer(LAUNCHER_ANSWER_PONG, LAUNCHER_PROTOCOL, LAUNCHER_STAGE_NONE, TRUE);
    assert_answer(LAUNCHER_ANSWER_PONG, 0, LAUNCHER_STAGE_NONE, FALSE);
    assert_answer(LAUNCHER_ANSWER_PONG, LAUNCHER_PROTOCOL, LAUNCHER_STAGE_FORK, FALSE);
    assert_answer(0, 0, LAUNCHER_STAGE_NONE, FALSE);
    assert_answer(99, 0, LAUNCHER_STAGE_NONE, FALSE);

    launcher_answer_init(&answer, LAUNCHER_ANSWER_EXITED, 0);
    g_assert_false(launcher_answer_is_sound(&answer, sizeof answer));
    launcher_answer_init(&answer, LAUNCHER_ANSWER_EXITED, 7);
    g_assert_false(launcher_answer_is_sound(&answer, sizeof answer - 1));
    g_assert_false(launcher_answer_is_sound(&answer, sizeof answer + 1));
    answer.magic++;
    g_assert_false(launcher_answer_is_sound(&answer, sizeof answer));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/launcher-message/words", test_words);
    g_test_add_func("/launcher-message/kinds", test_kinds);
    g_test_add_func("/launcher-message/bad-fields", test_bad_fields);
    g_test_add_func("/launcher-message/sizes", test_sizes);
    g_test_add_func("/launcher-message/bad-variables", test_bad_variables);
    g_test_add_func("/launcher-message/room", test_room);
    g_test_add_func("/launcher-message/random-bytes", test_random_bytes);
    g_test_add_func("/launcher-message/answers", test_answers);
    return g_test_run();
}
