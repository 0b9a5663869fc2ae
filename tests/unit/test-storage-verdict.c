/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a look at storage means for leases, by what was found. */
#include <errno.h>
#include <gio/gio.h>
#include <unistd.h>

#include "common/bailiff-error.h"
#include "engine/storage-verdict.h"

#define MEBIBYTE (1u << 20)

static StorageFacts healthy(guint reads)
{
    StorageFacts facts = {
        .stage = STORAGE_ENDED,
        .known = TRUE,
        .block_device = TRUE,
        .opened = TRUE,
        .size = 16 * MEBIBYTE,
        .block_size = 512,
        .area_size = MEBIBYTE,
        .latencies = g_array_new(FALSE, FALSE, sizeof(guint64)),
    };

    /* 1, 2, ... ms, the longest first. */
    for (guint64 i = reads; i > 0; i--) {
        guint64 us = i * 1000;
        g_array_append_val(facts.latencies, us);
    }
    return facts;
}

static GVariant *judge(const StorageFacts *facts, guint64 offset)
{
    return g_variant_ref_sink(storage_verdict(facts, offset, 9000000));
}

static guint64 number(GVariant *verdict, const char *key)
{
    guint64 wide = 0;
    guint32 narrow = 0;

    if (g_variant_lookup(verdict, key, "t", &wide))
        return wide;
    g_assert_true(g_variant_lookup(verdict, key, "u", &narrow));
    return narrow;
}

static void assert_sentence(GVariant *verdict, const char *key, const char *part)
{
    g_autofree const char **sentences = NULL;
    gboolean found = FALSE;

    g_assert_true(g_variant_lookup(verdict, key, "^a&s", &sentences));
    for (gsize i = 0; sentences[i] != NULL; i++)
        found = found || g_strrstr(sentences[i], part) != NULL;
    g_assert_true(found);
}

static gboolean is_fit(GVariant *verdict)
{
    gboolean fit = FALSE;

    g_assert_true(g_variant_lookup(verdict, "fit", "b", &fit));
    return fit;
}

static void test_percentiles(void)
{
    g_auto(StorageFacts) facts = healthy(200);
    g_autoptr(GVariant) verdict = judge(&facts, MEBIBYTE);

    g_assert_true(is_fit(verdict));
    g_assert_cmpuint(number(verdict, "latency-50-usec"), ==, 100000);
    g_assert_cmpuint(number(verdict, "latency-95-usec"), ==, 190000);
    g_assert_cmpuint(number(verdict, "latency-99-usec"), ==, 198000);
    g_assert_cmpuint(number(verdict, "latency-max-usec"), ==, 200000);
    g_assert_cmpuint(number(verdict, "io-timeout"), ==, 10);
}

static void test_one_read(void)
{
    g_auto(StorageFacts) facts = healthy(1);
    g_autoptr(GVariant) verdict = judge(&facts, 0);

    g_assert_cmpuint(number(verdict, "latency-50-usec"), ==, 1000);
    g_assert_cmpuint(number(verdict, "latency-max-usec"), ==, 1000);
}

/* A read that is out for long counts for the recommendation, although it has no latency yet. */
static void test_a_read_that_is_out(void)
{
    g_auto(StorageFacts) facts = healthy(5);
    g_autoptr(GVariant) verdict = NULL;

    facts.stage = STORAGE_READING;
    facts.stage_since_us = 5000000;
    verdict = judge(&facts, 0);
    g_assert_false(is_fit(verdict));
    assert_sentence(verdict, "problems", "does not answer");
    g_assert_cmpuint(number(verdict, "unanswered-usec"), ==, 4000000);
    g_assert_cmpuint(number(verdict, "io-timeout"), ==, 40);
}

static void test_a_read_that_failed(void)
{
    g_auto(StorageFacts) facts = healthy(5);
    g_autoptr(GVariant) verdict = NULL;

    facts.read_error = EIO;
    verdict = judge(&facts, 0);
    g_assert_false(is_fit(verdict));
    assert_sentence(verdict, "problems", "A read failed");
}

static void test_root_is_nobody_on_nfs(void)
{
    g_auto(StorageFacts) facts = healthy(0);
    g_autoptr(GVariant) verdict = NULL;

    facts.block_device = FALSE;
    facts.file_system = 0x6969;
    facts.write_error = bailiff_error_make(BAILIFF_ERROR_NOT_AUTHORIZED, "Give it.", "May not.");
    verdict = judge(&facts, 0);
    g_assert_false(is_fit(verdict));
    assert_sentence(verdict, "problems", "May not.");
    assert_sentence(verdict, "warnings", "NFS");
    if (geteuid() == 0)
        assert_sentence(verdict, "warnings", "root_squash");
    else
        g_test_message("not run as root: nothing to squash");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/storage-verdict/percentiles", test_percentiles);
    g_test_add_func("/storage-verdict/one-read", test_one_read);
    g_test_add_func("/storage-verdict/read-out", test_a_read_that_is_out);
    g_test_add_func("/storage-verdict/read-failed", test_a_read_that_failed);
    g_test_add_func("/storage-verdict/nfs", test_root_is_nobody_on_nfs);
    return g_test_run();
}
