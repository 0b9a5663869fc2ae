/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text form of failure policies: what it means, its normal form, and for hostile text the fault
 * and the very byte that is to blame. Random policies: BAILIFF_TEST_SEED=N repeats a run.
 */
#include <glib.h>
#include <signal.h>
#include <string.h>

#include "failure/failure-policy-parser.h"

static void test_normal_form(void)
{
    static const struct {
        const char *text;
        const char *normal;
    } cases[] = {
        { "signal TERM 10s, kill", "signal TERM 10s, kill" },
        { "kill", "kill" },
        { "ignore", "ignore" },
        { "  kill\t", "kill" },
        { "kill 0", "kill" },
        { "kill 0s", "kill" },
        { "pause,kill", "pause 10s, kill" },
        { "pause 10,poweroff 007s ,kill", "pause 10s, poweroff 7s, kill" },
        { "\tpause\t10s\t,\tkill", "pause 10s, kill" },
        { "signal SIGTERM 1,kill", "signal TERM 1s, kill" },
        { "signal 15,kill", "signal TERM, kill" },
        { "signal 15 5,kill", "signal TERM 5s, kill" },
        { "notify, restart 1s, freeze 3s, stop-unit 4s, host-poweroff 5s, host-reboot 6s, kill",
          "notify, restart 1s, freeze 3s, stop-unit 4s, host-poweroff 5s, host-reboot 6s, kill" },
        { "poweroff,restart,kill", "poweroff 10s, restart 10s, kill" },
        { "exec /bin/true,kill", "exec /bin/true 10s, kill" },
        { "exec /bin/true 3,kill", "exec /bin/true 3s, kill" },
        { "exec /bin/true 3 4,kill", "exec /bin/true \"3\" 4s, kill" },
        { "exec /bin/true \"3s\",kill", "exec /bin/true \"3s\" 10s, kill" },
        { "exec /bin/true 3s x,kill", "exec /bin/true \"3s\" x 10s, kill" },
        { "exec /bin/true -3,kill", "exec /bin/true -3 10s, kill" },
        { "exec  \"/bin/true\"\t\"a\"  5s ,kill", "exec /bin/true a 5s, kill" },
        { "exec \"/bin/the true\" \"\" \"a,b\" \";\" \"\\\"\" \"\\\\\" = 'x' 5s, kill",
          "exec \"/bin/the true\" \"\" \"a,b\" \";\" \"\\\"\" \"\\\\\" = 'x' 5s, kill" },
        { "exec /bin/gr\xc3\xb6\xc3\x9f"
          "er \"\xe2\x82\xac 5\" 5s, kill",
          "exec /bin/gr\xc3\xb6\xc3\x9f"
          "er \"\xe2\x82\xac 5\" 5s, kill" },
        { "kill;on-recovery leave", "kill" },
        { "pause 10s, kill ; on-recovery\tresume ", "pause 10s, kill; on-recovery resume" },
        { "stop-unit 10s, kill; on-recovery restart", "stop-unit 10s, kill; on-recovery restart" },
        { "restart 10s, kill; on-recovery restart", "restart 10s, kill" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        FailurePolicy policy;
        char text[FAILURE_POLICY_TEXT_MAX];
        gsize position = 77;

        g_test_message("%s", cases[i].text);
        g_assert_cmpint(failure_policy_parse(&policy, cases[i].text, &position), ==,
                        FAILURE_POLICY_OK);
        g_assert_cmpuint(position, ==, 77);
        g_assert_cmpuint(failure_policy_print(&policy, text), ==, strlen(text));
        g_assert_cmpstr(text, ==, cases[i].normal);
    }
}

static void test_print_step(void)
{
    FailurePolicy policy;
    char text[FAILURE_POLICY_TEXT_MAX];

    g_assert_cmpint(
        failure_policy_parse(&policy, "signal 15 5, exec /a \"b c\", exec /d 3, kill", NULL), ==,
        FAILURE_POLICY_OK);
    static const char *const steps[] = { "signal TERM 5s", "exec /a \"b c\" 10s", "exec /d 3s",
                                         "kill", "" };
    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_assert_cmpuint(failure_policy_print_step(&policy, i, text), ==, strlen(steps[i]));
        g_assert_cmpstr(text, ==, steps[i]);
    }
    g_assert_cmpuint(failure_policy_print_step(&policy, G_MAXSIZE, text), ==, 0);
}

static void test_meaning(void)
{
    FailurePolicy policy, expected;

    failure_policy_default(&expected);
    g_assert_cmpint(failure_policy_parse(&policy, "signal TERM 10s, kill", NULL), ==,
                    FAILURE_POLICY_OK);
    g_assert_true(failure_policy_equal(&policy, &expected));

    g_assert_cmpint(failure_policy_parse(&policy, "pause 10s, host-reboot 3, kill", NULL), ==,
                    FAILURE_POLICY_OK);
    g_assert_cmpuint(policy.n_steps, ==, 3);
    g_assert_cmpint(policy.steps[0].action, ==, FAILURE_ACTION_PAUSE);
    g_assert_cmpuint(policy.steps[0].grace_seconds, ==, 10);
    g_assert_cmpint(policy.steps[1].action, ==, FAILURE_ACTION_HOST_REBOOT);
    g_assert_cmpuint(policy.steps[1].grace_seconds, ==, 3);
    g_assert_cmpint(policy.steps[2].action, ==, FAILURE_ACTION_KILL);
}

/* The policy that is passed in must stay as it was, and NULL must do for the position. */
static void check_fault(const char *text, FailurePolicyFault fault, gsize position)
{
    FailurePolicy policy, before;
    gsize at = 77777;

    memset(&policy, 0x5a, sizeof policy);
    before = policy;
    g_assert_cmpint(failure_policy_parse(&policy, text, &at), ==, fault);
    g_assert_cmpuint(at, ==, position);
    g_assert_cmpint(failure_policy_parse(&policy, text, NULL), ==, fault);
    g_assert_cmpmem(&policy, sizeof policy, &before, sizeof before);
}

static const struct {
    const char *text;
    FailurePolicyFault fault;
    gsize position;
} hostile_texts[] = {
    { "", FAILURE_POLICY_EMPTY, 0 },
    { " \t ", FAILURE_POLICY_EMPTY, 3 },
    { ",", FAILURE_POLICY_SYNTAX, 0 },
    { ",,,,", FAILURE_POLICY_SYNTAX, 0 },
    { ", kill", FAILURE_POLICY_SYNTAX, 0 },
    { "pause,,kill", FAILURE_POLICY_SYNTAX, 6 },
    { "pause, ,kill", FAILURE_POLICY_SYNTAX, 7 },
    { "kill,", FAILURE_POLICY_SYNTAX, 5 },
    { "kill, ", FAILURE_POLICY_SYNTAX, 6 },
    { "pause 1s,", FAILURE_POLICY_SYNTAX, 9 },
    { "pause 1s 2s, kill", FAILURE_POLICY_SYNTAX, 9 },
    { "pause 10 s, kill", FAILURE_POLICY_SYNTAX, 9 },
    { "signal TERM 10s kill", FAILURE_POLICY_SYNTAX, 16 },

    { "hang", FAILURE_POLICY_UNKNOWN_ACTION, 0 },
    { "pause 10s, murder, kill", FAILURE_POLICY_UNKNOWN_ACTION, 11 },
    { "KILL", FAILURE_POLICY_UNKNOWN_ACTION, 0 },
    { "kil", FAILURE_POLICY_UNKNOWN_ACTION, 0 },
    { "killx", FAILURE_POLICY_UNKNOWN_ACTION, 0 },
    { "10s, kill", FAILURE_POLICY_UNKNOWN_ACTION, 0 },
    { "stop-unit-stop-unit-stop-unit", FAILURE_POLICY_UNKNOWN_ACTION, 0 },

    { "pause 10m, kill", FAILURE_POLICY_BAD_GRACE, 6 },
    { "pause s, kill", FAILURE_POLICY_BAD_GRACE, 6 },
    { "pause 1ss, kill", FAILURE_POLICY_BAD_GRACE, 6 },
    { "pause -1, kill", FAILURE_POLICY_BAD_GRACE, 6 },
    { "pause +1, kill", FAILURE_POLICY_BAD_GRACE, 6 },
    { "pause 1.5s, kill", FAILURE_POLICY_BAD_GRACE, 6 },
    { "pause 0x10, kill", FAILURE_POLICY_BAD_GRACE, 6 },
    { "pause\t ten, kill", FAILURE_POLICY_BAD_GRACE, 7 },
    { "pause 3s, kill 1s", FAILURE_POLICY_BAD_GRACE, 15 },
    { "ignore 1", FAILURE_POLICY_BAD_GRACE, 7 },

    { "pause 0, kill", FAILURE_POLICY_NEEDS_GRACE, 6 },
    { "notify, exec /bin/true 0s, kill", FAILURE_POLICY_NEEDS_GRACE, 23 },

    { "exec, kill", FAILURE_POLICY_BAD_PROGRAM, 4 },
    { "exec", FAILURE_POLICY_BAD_PROGRAM, 4 },
    { "exec 10s, kill", FAILURE_POLICY_BAD_PROGRAM, 5 },
    { "exec true 10s, kill", FAILURE_POLICY_BAD_PROGRAM, 5 },
    { "exec \"\" 10s, kill", FAILURE_POLICY_BAD_PROGRAM, 5 },
    { "exec ./true, kill", FAILURE_POLICY_BAD_PROGRAM, 5 },
    { "exec /bin/true \xff, kill", FAILURE_POLICY_BAD_PROGRAM, 5 },
    { "exec /bin/true \"\xc2\x80\", kill", FAILURE_POLICY_BAD_PROGRAM, 5 },
    { "exec /a 1 2 3 4 5 6 7 8 9 a b c d e f g, kill", FAILURE_POLICY_BAD_PROGRAM, 38 },
    { "exec /bin/true \"x", FAILURE_POLICY_SYNTAX, 17 },
    { "exec /bin/true \"x\\\", kill", FAILURE_POLICY_SYNTAX, 25 },
    { "exec /bin/true \"x\\n\", kill", FAILURE_POLICY_SYNTAX, 17 },
    { "exec /bin/true \"x\\", FAILURE_POLICY_SYNTAX, 17 },
    { "exec /bin/true \"x\"y, kill", FAILURE_POLICY_SYNTAX, 18 },
    { "exec /bin/true \"x\"\"y\", kill", FAILURE_POLICY_SYNTAX, 18 },
    { "exec /bin/true x\"y\", kill", FAILURE_POLICY_SYNTAX, 16 },
    { "exec /bin/true x\\y, kill", FAILURE_POLICY_SYNTAX, 16 },
    { "exec /bin/true \"a\nb\", kill", FAILURE_POLICY_SYNTAX, 17 },
    { "exec /bin/true a\x7f, kill", FAILURE_POLICY_SYNTAX, 16 },
    { "exec \n/bin/true, kill", FAILURE_POLICY_SYNTAX, 5 },
    { "signal \"TERM\", kill", FAILURE_POLICY_BAD_SIGNAL, 7 },
    { "\"kill\"", FAILURE_POLICY_UNKNOWN_ACTION, 0 },

    { "pause;kill", FAILURE_POLICY_SYNTAX, 6 },
    { ";", FAILURE_POLICY_SYNTAX, 0 },
    { "; on-recovery leave", FAILURE_POLICY_SYNTAX, 0 },
    { "kill;", FAILURE_POLICY_SYNTAX, 5 },
    { "kill; resume", FAILURE_POLICY_SYNTAX, 6 },
    { "kill, on-recovery leave", FAILURE_POLICY_UNKNOWN_ACTION, 6 },
    { "kill; on-recovery", FAILURE_POLICY_BAD_RECOVERY, 17 },
    { "kill; on-recovery pray", FAILURE_POLICY_BAD_RECOVERY, 18 },
    { "kill; on-recovery poweroff-and-more-than-this", FAILURE_POLICY_BAD_RECOVERY, 18 },
    { "kill; on-recovery leave leave", FAILURE_POLICY_SYNTAX, 24 },
    { "kill; on-recovery leave;", FAILURE_POLICY_SYNTAX, 23 },
    { "kill; on-recovery leave, kill", FAILURE_POLICY_SYNTAX, 23 },
    { "kill; on-recovery \x01", FAILURE_POLICY_SYNTAX, 18 },
    { "kill; on-recovery resume", FAILURE_POLICY_UNFIT_RECOVERY, 18 },
    { "ignore; on-recovery restart", FAILURE_POLICY_UNFIT_RECOVERY, 20 },
    { "restart 10s, kill; on-recovery leave", FAILURE_POLICY_UNFIT_RECOVERY, 31 },
    { "pause 5, restart 5, kill; on-recovery resume", FAILURE_POLICY_UNFIT_RECOVERY, 38 },
    { "pause 41s, kill; on-recovery resume", FAILURE_POLICY_TOO_LONG, 6 },

    { "signal, kill", FAILURE_POLICY_BAD_SIGNAL, 6 },
    { "signal", FAILURE_POLICY_BAD_SIGNAL, 6 },
    { "signal 10s, kill", FAILURE_POLICY_BAD_SIGNAL, 7 },
    { "signal term, kill", FAILURE_POLICY_BAD_SIGNAL, 7 },
    { "signal 0, kill", FAILURE_POLICY_BAD_SIGNAL, 7 },
    { "signal 32, kill", FAILURE_POLICY_BAD_SIGNAL, 7 },
    { "signal 4294967311, kill", FAILURE_POLICY_BAD_SIGNAL, 7 },
    { "signal 18446744073709551631, kill", FAILURE_POLICY_BAD_SIGNAL, 7 },
    { "notify, signal KILL 1s, kill", FAILURE_POLICY_BAD_SIGNAL, 15 },
    { "signal 9, kill", FAILURE_POLICY_BAD_SIGNAL, 7 },

    { "pause", FAILURE_POLICY_NO_FINAL_KILL, 0 },
    { "pause 5s, host-poweroff 3s", FAILURE_POLICY_NO_FINAL_KILL, 10 },
    { "kill, kill", FAILURE_POLICY_STEP_AFTER_END, 6 },
    { "ignore, kill", FAILURE_POLICY_STEP_AFTER_END, 8 },
    { "notify,ignore", FAILURE_POLICY_STEP_AFTER_END, 7 },

    { "pause 41s, kill", FAILURE_POLICY_TOO_LONG, 6 },
    { "pause 20s, poweroff 21s, kill", FAILURE_POLICY_TOO_LONG, 20 },
    { "pause 4294967295, kill", FAILURE_POLICY_TOO_LONG, 6 },
    { "pause 4294967296, kill", FAILURE_POLICY_TOO_LONG, 6 },
    { "pause 18446744073709551616s, kill", FAILURE_POLICY_TOO_LONG, 6 },
    { "pause 18446744073709551617s, kill", FAILURE_POLICY_TOO_LONG, 6 },

    { "kill\n", FAILURE_POLICY_SYNTAX, 4 },
    { "\nkill", FAILURE_POLICY_SYNTAX, 0 },
    { "pause 1\x1b[2Js, kill", FAILURE_POLICY_SYNTAX, 7 },
    { "pause\x01, kill", FAILURE_POLICY_SYNTAX, 5 },
    { "pause\x7f, kill", FAILURE_POLICY_SYNTAX, 5 },
    { "pause 1s \x7f, kill", FAILURE_POLICY_SYNTAX, 9 },
    { "signal TE\x80RM, kill", FAILURE_POLICY_SYNTAX, 9 },
    { "signal TERM 1s, kill\xc2\xa0", FAILURE_POLICY_SYNTAX, 20 },
    { "p\xc3\xa4use, kill", FAILURE_POLICY_SYNTAX, 1 },
};

static void test_hostile(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(hostile_texts); i++) {
        FailurePolicy read, before;
        size_t position = 77777;
        g_autofree char *shown = g_strescape(hostile_texts[i].text, NULL);

        g_test_message("%s", shown);
        check_fault(hostile_texts[i].text, hostile_texts[i].fault, hostile_texts[i].position);

        /* Reading alone finds the same fault, or none: then it is one of the policy. */
        memset(&read, 0x5a, sizeof read);
        before = read;
        FailurePolicyFault fault = failure_policy_read(&read, hostile_texts[i].text, &position);
        if (fault == FAILURE_POLICY_OK) {
            g_assert_cmpint(failure_policy_check(&read, NULL, NULL), ==, hostile_texts[i].fault);
        } else {
            g_assert_cmpint(fault, ==, hostile_texts[i].fault);
            g_assert_cmpuint(position, ==, hostile_texts[i].position);
            g_assert_cmpmem(&read, sizeof read, &before, sizeof before);
        }
    }
}

static char *repeat(const char *part, gsize times, const char *end)
{
    GString *text = g_string_new(NULL);

    for (gsize i = 0; i < times; i++)
        g_string_append(text, part);
    g_string_append(text, end);
    return g_string_free(text, FALSE);
}

static void test_long_text(void)
{
    g_autofree char *letters = repeat("k", 10000, "");
    g_autofree char *digits = repeat("9", 10000, "s, kill");
    g_autofree char *zeros = repeat("0", 10000, "7, kill");
    g_autofree char *commas = repeat(",", 10000, "");
    g_autofree char *blanks = repeat(" ", 10000, "");
    g_autofree char *steps = repeat("notify,", 2000, "kill");
    g_autofree char *sixteen = repeat("notify,", 15, "kill");
    g_autofree char *seventeen = repeat("notify,", 16, "kill");
    g_autofree char *comma_after = repeat("notify,", 16, "");
    g_autofree char *long_grace = g_strconcat("pause ", digits, NULL);
    g_autofree char *zero_grace = g_strconcat("pause ", zeros, NULL);
    g_autofree char *long_signal = g_strconcat("signal ", letters, NULL);
    g_autofree char *slashes = repeat("/", 10000, "");
    g_autofree char *long_program = g_strconcat("exec ", slashes, NULL);
    g_autofree char *words = repeat("/x ", 10000, "");
    g_autofree char *many_words = g_strconcat("exec ", words, NULL);
    g_autofree char *escapes = repeat("\\\"", 10000, "\"");
    g_autofree char *much_escaped = g_strconcat("exec / \"", escapes, NULL);
    g_autofree char *five_hundred = repeat("notify,", 500, "kill");
    FailurePolicy policy;

    check_fault(letters, FAILURE_POLICY_UNKNOWN_ACTION, 0);
    check_fault(commas, FAILURE_POLICY_SYNTAX, 0);
    check_fault(blanks, FAILURE_POLICY_EMPTY, 10000);
    check_fault(steps, FAILURE_POLICY_TOO_MANY_STEPS, 16 * 7);
    check_fault(seventeen, FAILURE_POLICY_TOO_MANY_STEPS, 16 * 7);
    check_fault(comma_after, FAILURE_POLICY_SYNTAX, 16 * 7);
    check_fault(long_grace, FAILURE_POLICY_TOO_LONG, 6);
    check_fault(long_signal, FAILURE_POLICY_BAD_SIGNAL, 7);
    check_fault(long_program, FAILURE_POLICY_BAD_PROGRAM, 5);
    check_fault(many_words, FAILURE_POLICY_BAD_PROGRAM, 5 + 16 * 3);
    check_fault(much_escaped, FAILURE_POLICY_BAD_PROGRAM, 7);
    check_fault(five_hundred, FAILURE_POLICY_TOO_MANY_STEPS, 16 * 7);

    g_assert_cmpint(failure_policy_parse(&policy, sixteen, NULL), ==, FAILURE_POLICY_OK);
    g_assert_cmpuint(policy.n_steps, ==, 16);
    g_assert_cmpint(failure_policy_parse(&policy, zero_grace, NULL), ==, FAILURE_POLICY_OK);
    g_assert_cmpuint(policy.steps[0].grace_seconds, ==, 7);
}

/* The longest text that a good policy can have does fit. */
static void test_print_longest(void)
{
    FailurePolicy policy = { .n_steps = FAILURE_POLICY_MAX_STEPS };
    FailurePolicy again;
    char text[FAILURE_POLICY_TEXT_MAX + 1];

    /* Every program has as many words as it may: empty arguments, which have the most text for
     * their one byte. The bytes that are left go into characters that are escaped. */
    for (gsize i = 0; i + 1 < policy.n_steps; i++) {
        policy.steps[i] = (FailureStep){ .action = FAILURE_ACTION_EXEC, .grace_seconds = 2 };
        g_assert_true(failure_policy_add_word(&policy, &policy.steps[i], "/"));
        for (gsize k = 2; k < FAILURE_PROGRAM_WORDS_MAX; k++)
            g_assert_true(failure_policy_add_word(&policy, &policy.steps[i], ""));
        if (i + 2 == policy.n_steps) {
            gsize left = FAILURE_POLICY_WORDS_BYTES - policy.n_word_bytes - 1;
            g_autofree char *quotes = g_strnfill(left, '"');

            g_assert_true(failure_policy_add_word(&policy, &policy.steps[i], quotes));
        } else {
            g_assert_true(failure_policy_add_word(&policy, &policy.steps[i], ""));
        }
    }
    policy.steps[policy.n_steps - 1].action = FAILURE_ACTION_KILL;
    policy.on_recovery = FAILURE_RECOVERY_RESTART;
    g_assert_cmpuint(policy.n_word_bytes, ==, FAILURE_POLICY_WORDS_BYTES);
    g_assert_cmpint(failure_policy_check(&policy, NULL, NULL), ==, FAILURE_POLICY_OK);

    gsize length = failure_policy_print(&policy, text);
    g_assert_cmpuint(length, <, FAILURE_POLICY_TEXT_MAX);
    g_assert_true(g_str_has_suffix(text, ", kill; on-recovery restart"));
    g_assert_cmpint(failure_policy_parse(&again, text, NULL), ==, FAILURE_POLICY_OK);
    g_assert_true(failure_policy_equal(&again, &policy));

    /* The bound itself, which no arrangement of words can pass: each has its bytes twice, with the
     * NUL for a quote and the blank, and one more. */
    gsize words = 15 * FAILURE_PROGRAM_WORDS_MAX;
    gsize steps = 15 * strlen("exec 2s, ") + strlen("kill; on-recovery restart");
    g_assert_cmpuint(length, <=, 2 * FAILURE_POLICY_WORDS_BYTES + words + steps);
    g_assert_cmpuint(2 * FAILURE_POLICY_WORDS_BYTES + words + steps, <, FAILURE_POLICY_TEXT_MAX);
}

static void assert_print_stays_inside(const FailurePolicy *policy)
{
    char text[FAILURE_POLICY_TEXT_MAX + 1];

    text[FAILURE_POLICY_TEXT_MAX] = '#';
    gsize length = failure_policy_print(policy, text);
    g_assert_cmpuint(length, <, FAILURE_POLICY_TEXT_MAX);
    g_assert_cmpuint(length, ==, strlen(text));
    g_assert_cmpint(text[FAILURE_POLICY_TEXT_MAX], ==, '#');
    for (gsize i = 0; i < length; i++)
        g_assert_true(g_ascii_isprint(text[i]));
}

/* The printer is given what the check refuses too: it must stay within its buffer. */
static void test_print_anything(void)
{
    FailurePolicy policy = { .n_steps = FAILURE_POLICY_MAX_STEPS + 5 };
    char text[FAILURE_POLICY_TEXT_MAX + 1];

    for (gsize action = 0; action <= FAILURE_ACTION_COUNT; action++) {
        for (gsize i = 0; i < FAILURE_POLICY_MAX_STEPS; i++)
            policy.steps[i] = (FailureStep){ .action = action,
                                             .grace_seconds = G_MAXUINT32,
                                             .signal_number = SIGVTALRM,
                                             .n_words = G_MAXUINT16 };
        policy.on_recovery = (FailureRecovery)action;
        policy.n_word_bytes = FAILURE_POLICY_WORDS_BYTES;
        memset(policy.words, '"', sizeof policy.words); /* no word ends */
        assert_print_stays_inside(&policy);
        policy.words[FAILURE_POLICY_WORDS_BYTES - 1] = '\0'; /* one, in each step */
        assert_print_stays_inside(&policy);
        memset(policy.words, 0, sizeof policy.words);
        assert_print_stays_inside(&policy);
        memset(policy.words, '\xff', 1000);
        assert_print_stays_inside(&policy);
        policy.n_word_bytes = G_MAXSIZE;
        assert_print_stays_inside(&policy);
    }

    policy = (FailurePolicy){ { { .action = FAILURE_ACTION_SIGNAL, .signal_number = -3 },
                                { .action = (FailureAction)-1, .grace_seconds = 4294967295u } },
                              2 };
    failure_policy_print(&policy, text);
    g_assert_cmpstr(text, ==, "signal ?, ? 4294967295s");

    policy = (FailurePolicy){ { { .action = FAILURE_ACTION_EXEC, .n_words = 2 } },
                              1,
                              (FailureRecovery)-1,
                              "/a\nb\0x\xfe",
                              8 };
    failure_policy_print(&policy, text);
    g_assert_cmpstr(text, ==, "exec /a?b x?; on-recovery ?");

    policy = (FailurePolicy){ .n_steps = 0 };
    g_assert_cmpuint(failure_policy_print(&policy, text), ==, 0);
    g_assert_cmpstr(text, ==, "");
}

static GRand *seeded_random(void)
{
    const char *wanted = g_getenv("BAILIFF_TEST_SEED");
    guint32 seed = wanted != NULL ? (guint32)g_ascii_strtoull(wanted, NULL, 10) : g_random_int();

    g_test_message("to repeat this run: BAILIFF_TEST_SEED=%u", seed);
    return g_rand_new_with_seed(seed);
}

/* Words of the characters that matter to the text form. */
static void add_random_word(FailurePolicy *policy, FailureStep *step, GRand *random)
{
    static const char *const parts[] = {
        "a", "/", " ", ",", ";", "\"", "\\", "7", "0s", "s", "'", "\xc3\xa4", "\xf0\x9f\x98\x80",
        "-"
    };
    g_autoptr(GString) word = g_string_new(step->n_words == 0 ? "/" : "");

    for (gint n = g_rand_int_range(random, 0, 6); n > 0; n--)
        g_string_append(word, parts[g_rand_int_range(random, 0, G_N_ELEMENTS(parts))]);
    if (g_rand_int_range(random, 0, 100) == 0)
        for (gint n = g_rand_int_range(random, 0, 1000); n > 0; n--)
            g_string_append_c(word, '"');
    (void)failure_policy_add_word(policy, step, word->str);
}

static FailureStep random_step(FailurePolicy *policy, GRand *random, guint32 left)
{
    FailureStep step = { .grace_seconds = (guint32)g_rand_int_range(random, 0, (gint32)left + 1) };

    do
        step.action = g_rand_int_range(random, 0, FAILURE_ACTION_COUNT);
    while (step.action == FAILURE_ACTION_KILL || step.action == FAILURE_ACTION_IGNORE ||
           (step.grace_seconds == 0 && failure_action_needs_grace(step.action)));
    if (step.action == FAILURE_ACTION_SIGNAL)
        do
            step.signal_number = g_rand_int_range(random, 1, 32);
        while (step.signal_number == SIGKILL);
    if (step.action == FAILURE_ACTION_EXEC) {
        for (gint n = g_rand_int_range(random, 1, 20); n > 0; n--)
            add_random_word(policy, &step, random);
        if (step.n_words == 0) /* the others have all the room there is */
            step = (FailureStep){ .action = FAILURE_ACTION_NOTIFY };
    }
    return step;
}

static FailurePolicy random_policy(GRand *random)
{
    FailurePolicy policy = { .n_steps = (gsize)g_rand_int_range(random, 1, 17) };
    guint32 left = FAILURE_BUDGET_SECONDS;

    for (gsize i = 0; i + 1 < policy.n_steps; i++) {
        policy.steps[i] = random_step(&policy, random, left);
        left -= policy.steps[i].grace_seconds;
    }
    policy.steps[policy.n_steps - 1].action =
        policy.n_steps == 1 && g_rand_boolean(random) ? FAILURE_ACTION_IGNORE : FAILURE_ACTION_KILL;

    policy.on_recovery = g_rand_int_range(random, 0, FAILURE_RECOVERY_COUNT);
    if (failure_policy_check(&policy, NULL, NULL) == FAILURE_POLICY_UNFIT_RECOVERY)
        policy.on_recovery = FAILURE_RECOVERY_LEAVE;
    return policy;
}

static void test_random_round_trip(void)
{
    g_autoptr(GRand) random = seeded_random();

    for (guint i = 0; i < 20000; i++) {
        FailurePolicy policy = random_policy(random);
        FailurePolicy parsed;
        char text[FAILURE_POLICY_TEXT_MAX], again[FAILURE_POLICY_TEXT_MAX];

        g_assert_cmpint(failure_policy_check(&policy, NULL, NULL), ==, FAILURE_POLICY_OK);
        failure_policy_print(&policy, text);
        g_assert_cmpint(failure_policy_parse(&parsed, text, NULL), ==, FAILURE_POLICY_OK);
        g_assert_true(failure_policy_equal(&parsed, &policy));
        failure_policy_print(&parsed, again);
        g_assert_cmpstr(again, ==, text);
    }
}

/* Damaged texts: whatever is made of them, the position lies within the text, and what parses has
 * a normal form that means the same. */
static void test_random_damage(void)
{
    g_autoptr(GRand) random = seeded_random();

    for (guint i = 0; i < 50000; i++) {
        FailurePolicy policy = random_policy(random);
        char text[FAILURE_POLICY_TEXT_MAX], normal[FAILURE_POLICY_TEXT_MAX];
        gsize length = failure_policy_print(&policy, text);
        gsize position = 0;

        for (gint n = g_rand_int_range(random, 1, 4); n > 0; n--)
            text[g_rand_int_range(random, 0, (gint32)length)] =
                g_rand_boolean(random) ? (char)g_rand_int_range(random, 0, 256)
                                       : ", s019\tkt\";\\"[g_rand_int_range(random, 0, 12)];

        g_autofree char *exact = g_strdup(text); /* so that a memory checker sees an overrun */
        if (failure_policy_parse(&policy, exact, &position) != FAILURE_POLICY_OK) {
            g_assert_cmpuint(position, <=, strlen(exact));
            continue;
        }
        FailurePolicy again;
        failure_policy_print(&policy, normal);
        g_assert_cmpint(failure_policy_parse(&again, normal, NULL), ==, FAILURE_POLICY_OK);
        g_assert_true(failure_policy_equal(&again, &policy));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/failure-policy-parser/normal-form", test_normal_form);
    g_test_add_func("/failure-policy-parser/print-step", test_print_step);
    g_test_add_func("/failure-policy-parser/meaning", test_meaning);
    g_test_add_func("/failure-policy-parser/hostile", test_hostile);
    g_test_add_func("/failure-policy-parser/long-text", test_long_text);
    g_test_add_func("/failure-policy-parser/print-longest", test_print_longest);
    g_test_add_func("/failure-policy-parser/print-anything", test_print_anything);
    g_test_add_func("/failure-policy-parser/random-round-trip", test_random_round_trip);
    g_test_add_func("/failure-policy-parser/random-damage", test_random_damage);
    return g_test_run();
}
