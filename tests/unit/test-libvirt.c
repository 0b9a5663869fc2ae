/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is asked of libvirt, when, and what is remembered of it.
 */
#include "common/bailiff-error.h"
#include "support/libvirt-double.h"

typedef struct News {
    guint n[LIBVIRT_NEWS_CALL_ENDED + 1];
} News;

static void on_news(LibvirtNews news, gpointer user_data)
{
    ((News *)user_data)->n[news]++;
}

static void set_up(LibvirtDouble **double_, gconstpointer unused)
{
    *double_ = libvirt_double_new();
}

static void tear_down(LibvirtDouble **double_, gconstpointer unused)
{
    libvirt_double_free(*double_);
}

static LibvirtWatch *watch(LibvirtDouble *libvirt, News *news)
{
    return libvirt_watch_new(libvirt->libvirt, DOUBLE_UUID, DOUBLE_NAME, on_news, news);
}

static void start(LibvirtDouble *libvirt, LibvirtMethod method, GCancellable *cancellable,
                  GAsyncResult **result)
{
    libvirt_calls_start(libvirt_get_calls(libvirt->libvirt), method,
                        method == LIBVIRT_LIST_DOMAINS ? NULL : DOUBLE_UUID, 0, cancellable,
                        libvirt_double_keep_result, result);
}

static gboolean has(LibvirtDouble *libvirt, LibvirtMethod method)
{
    return libvirt_calls_has(libvirt_get_calls(libvirt->libvirt), DOUBLE_UUID,
                             LIBVIRT_METHOD_BIT(method));
}

static void assert_finishes(GAsyncResult *result, GQuark domain, int code)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = libvirt_calls_finish(result, &error);

    if (domain == 0) {
        g_assert_no_error(error);
        g_assert_nonnull(reply);
    } else {
        g_assert_error(error, domain, code);
        g_assert_null(reply);
    }
}

/* Nobody is asked, and nobody is started, before a domain is registered, and after the last one. */
static void test_lazy(LibvirtDouble **fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = *fixture;
    News news = { 0 };
    LibvirtWatch *first;

    libvirt_double_round_trip(libvirt);
    g_assert_false(libvirt->was_called);
    first = watch(libvirt, &news);
    WAIT_FOR(libvirt->n_calls[LIBVIRT_LIST_DOMAINS] > 0);
    libvirt_double_emit(libvirt, 4, 0);
    WAIT_FOR(news.n[LIBVIRT_NEWS_RUNS] == 1);
    libvirt_watch_free(first);

    libvirt_double_go(libvirt);
    libvirt_double_come(libvirt);
    libvirt_double_round_trip(libvirt);
    g_assert_false(libvirt->was_called);
}

/* A new owner of the name tells nothing by itself: it is called. */
static void test_new_owner(LibvirtDouble **fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = *fixture;
    News news = { 0 };
    LibvirtWatch *domain = watch(libvirt, &news);

    WAIT_FOR(libvirt->was_called);
    libvirt_double_go(libvirt);
    libvirt_double_come(libvirt);
    WAIT_FOR(libvirt->was_called);
    libvirt_double_emit(libvirt, 4, 0);
    WAIT_FOR(news.n[LIBVIRT_NEWS_RUNS] == 1);
    libvirt_watch_free(domain);
}

/* The connection to the bus is another one. */
static void test_new_bus(LibvirtDouble **fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = *fixture;
    News news = { 0 };
    LibvirtWatch *domain;
    g_autoptr(GAsyncResult) without_bus = NULL;
    guint n;

    bailiff_libvirt_set_bus(libvirt->libvirt, NULL);
    domain = watch(libvirt, &news);
    start(libvirt, LIBVIRT_GET_STATE, NULL, &without_bus);
    WAIT_FOR(without_bus != NULL);
    assert_finishes(without_bus, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    g_assert_false(libvirt->was_called);

    bailiff_libvirt_set_bus(libvirt->libvirt, libvirt->client);
    WAIT_FOR(libvirt->n_calls[LIBVIRT_LIST_DOMAINS] > 0);
    n = libvirt->n_calls[LIBVIRT_LIST_DOMAINS];
    bailiff_libvirt_set_bus(libvirt->libvirt, NULL);
    bailiff_libvirt_set_bus(libvirt->libvirt, libvirt->client);
    WAIT_FOR(libvirt->n_calls[LIBVIRT_LIST_DOMAINS] > n);
    libvirt_watch_free(domain);
}

/* The heartbeat of a quick watch comes again and again; one that is stuck is not joined by more. */
static void test_heartbeat(LibvirtDouble **fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = *fixture;
    News news = { 0 };
    LibvirtWatch *domain;

    libvirt->manners[LIBVIRT_LIST_DOMAINS] = DOUBLE_HOLDS;
    domain = watch(libvirt, &news);
    libvirt_watch_set_quick(domain, TRUE);
    WAIT_FOR(news.n[LIBVIRT_NEWS_HEARTBEAT] >= 2);
    libvirt_double_round_trip(libvirt);
    g_assert_cmpuint(libvirt->n_calls[LIBVIRT_LIST_DOMAINS], ==, 1);
    libvirt->manners[LIBVIRT_LIST_DOMAINS] = DOUBLE_DOES;
    libvirt_double_let_go_on(libvirt, LIBVIRT_LIST_DOMAINS);
    WAIT_FOR(libvirt->n_calls[LIBVIRT_LIST_DOMAINS] == 2);
    libvirt_watch_free(domain);
}

static void test_pid_file_news(LibvirtDouble **fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = *fixture;
    News news = { 0 }, other_news = { 0 };
    LibvirtWatch *domain = watch(libvirt, &news);
    LibvirtWatch *other = libvirt_watch_new(
        libvirt->libvirt, "2d0f5bd5-0000-4000-8000-000000000000", "other", on_news, &other_news);

    libvirt_double_write_pid_file(libvirt, "12\n");
    WAIT_FOR(news.n[LIBVIRT_NEWS_PID_FILE] > 0);
    g_assert_cmpuint(other_news.n[LIBVIRT_NEWS_PID_FILE], ==, 0);
    libvirt_watch_free(other);
    libvirt_watch_free(domain);
}

/* What is not a proper signal of this driver's is nothing. */
static void test_odd_events(LibvirtDouble **fixture, gconstpointer unused)
{
    static const char *const paths[] = {
        "/", "/org/libvirt/QEMU/domain/_", "/org/libvirt/QEMU/domain/_6695eb01",
        "/org/libvirt/QEMU/domain/_6695eb01_f6a4_8304_79aa_97f2502e193f0",
        "/org/libvirt/QEMU/domain/_0695eb01_f6a4_8304_79aa_97f2502e193f"
    };
    LibvirtDouble *libvirt = *fixture;
    News news = { 0 };
    LibvirtWatch *domain = watch(libvirt, &news);

    WAIT_FOR(libvirt->was_called);
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++)
        g_dbus_connection_emit_signal(libvirt->server, NULL, "/org/libvirt/QEMU",
                                      "org.libvirt.Connect", "DomainEvent",
                                      g_variant_new("(oii)", paths[i], 4, 0), NULL);
    g_dbus_connection_emit_signal(libvirt->server, NULL, "/org/libvirt/QEMU", "org.libvirt.Connect",
                                  "DomainEvent", g_variant_new("(si)", "4", 0), NULL);
    libvirt_double_emit(libvirt, 5, 1);
    libvirt_double_round_trip(libvirt);
    g_assert_cmpuint(news.n[LIBVIRT_NEWS_RUNS], ==, 0);
    libvirt_double_emit(libvirt, 2, 0);
    WAIT_FOR(news.n[LIBVIRT_NEWS_RUNS] == 1);
    libvirt_watch_free(domain);
}

/* --- calls
 * ----------------------------------------------------------------------------------------- */

/* A call that was given up is out until it is answered; then those who wait for it go on. */
static void test_given_up(LibvirtDouble **fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = *fixture;
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GAsyncResult) result = NULL;
    g_autoptr(GAsyncResult) settled = NULL;
    g_autoptr(GAsyncResult) nothing_out = NULL;

    libvirt->manners[LIBVIRT_SUSPEND] = DOUBLE_HOLDS;
    start(libvirt, LIBVIRT_SUSPEND, cancellable, &result);
    WAIT_FOR(libvirt->n_calls[LIBVIRT_SUSPEND] == 1);
    g_cancellable_cancel(cancellable);
    WAIT_FOR(result != NULL);
    assert_finishes(result, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    g_assert_true(has(libvirt, LIBVIRT_SUSPEND));

    libvirt_settle_async(libvirt->libvirt, DOUBLE_UUID, LIBVIRT_STARTING, NULL,
                         libvirt_double_keep_result, &nothing_out);
    libvirt_settle_async(libvirt->libvirt, DOUBLE_UUID, LIBVIRT_CHANGES, NULL,
                         libvirt_double_keep_result, &settled);
    WAIT_FOR(nothing_out != NULL);
    libvirt_double_round_trip(libvirt);
    g_assert_null(settled);
    libvirt_double_let_go_on(libvirt, LIBVIRT_SUSPEND);
    WAIT_FOR(settled != NULL);
    g_assert_true(libvirt_settle_finish(settled, NULL));
    g_assert_false(has(libvirt, LIBVIRT_SUSPEND));
}

static void test_settle_cancelled(LibvirtDouble **fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = *fixture;
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GAsyncResult) result = NULL;
    g_autoptr(GAsyncResult) settled = NULL;
    g_autoptr(GError) error = NULL;

    libvirt->manners[LIBVIRT_DESTROY] = DOUBLE_HOLDS;
    start(libvirt, LIBVIRT_DESTROY, NULL, &result);
    libvirt_settle_async(libvirt->libvirt, DOUBLE_UUID, LIBVIRT_CHANGES, cancellable,
                         libvirt_double_keep_result, &settled);
    g_cancellable_cancel(cancellable);
    WAIT_FOR(settled != NULL);
    g_assert_false(libvirt_settle_finish(settled, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    WAIT_FOR(libvirt->held[LIBVIRT_DESTROY].length == 1);
    libvirt_double_let_go_on(libvirt, LIBVIRT_DESTROY);
    WAIT_FOR(result != NULL);
    assert_finishes(result, 0, 0);
}

/* No more than so many are out; what was not sent is never sent once it is given up. */
static void test_bounded(LibvirtDouble **fixture, gconstpointer unused)
{
    enum { MORE = 8, N = LIBVIRT_CALLS_OUT_MAX + MORE };
    LibvirtDouble *libvirt = *fixture;
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    GAsyncResult *results[N] = { NULL };
    g_autoptr(GAsyncResult) last = NULL;

    libvirt->manners[LIBVIRT_SUSPEND] = DOUBLE_HOLDS;
    for (guint i = 0; i < N; i++)
        start(libvirt, LIBVIRT_SUSPEND, i < LIBVIRT_CALLS_OUT_MAX ? NULL : cancellable,
              &results[i]);
    start(libvirt, LIBVIRT_GET_STATE, NULL, &last);
    WAIT_FOR(libvirt->held[LIBVIRT_SUSPEND].length == LIBVIRT_CALLS_OUT_MAX);
    libvirt_double_round_trip(libvirt);
    g_assert_cmpuint(libvirt->n_calls[LIBVIRT_SUSPEND], ==, LIBVIRT_CALLS_OUT_MAX);
    g_assert_cmpuint(libvirt->n_calls[LIBVIRT_GET_STATE], ==, 0);

    /* A place becomes free in the same round in which they are given up. */
    g_cancellable_cancel(cancellable);
    libvirt_double_let_go_on(libvirt, LIBVIRT_SUSPEND);
    WAIT_FOR(last != NULL);
    assert_finishes(last, 0, 0);
    for (guint i = 1; i < LIBVIRT_CALLS_OUT_MAX; i++)
        libvirt_double_let_go_on(libvirt, LIBVIRT_SUSPEND);
    for (guint i = 0; i < N; i++) {
        WAIT_FOR(results[i] != NULL);
        if (i < LIBVIRT_CALLS_OUT_MAX)
            assert_finishes(results[i], 0, 0);
        else
            assert_finishes(results[i], G_IO_ERROR, G_IO_ERROR_CANCELLED);
        g_object_unref(results[i]);
    }
    g_assert_cmpuint(libvirt->n_calls[LIBVIRT_SUSPEND], ==, LIBVIRT_CALLS_OUT_MAX);
    g_assert_false(has(libvirt, LIBVIRT_SUSPEND));
}

static void test_limit(LibvirtDouble **fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = *fixture;
    g_autoptr(GAsyncResult) result = NULL;

    libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_HOLDS;
    libvirt_calls_start(libvirt_get_calls(libvirt->libvirt), LIBVIRT_GET_STATE, DOUBLE_UUID, 20,
                        NULL, libvirt_double_keep_result, &result);
    WAIT_FOR(result != NULL);
    assert_finishes(result, BAILIFF_ERROR, BAILIFF_ERROR_IO_TIMEOUT);
}

/* libvirt's words are passed on in one line, and the cure in the next. */
static void test_error(LibvirtDouble **fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = *fixture;
    g_autoptr(GAsyncResult) result = NULL;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) lines = NULL;

    libvirt->manners[LIBVIRT_DESTROY] = DOUBLE_FAILS;
    start(libvirt, LIBVIRT_DESTROY, NULL, &result);
    WAIT_FOR(result != NULL);
    g_assert_null(libvirt_calls_finish(result, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    lines = g_strsplit(error->message, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 2);
    g_assert_cmpstr(lines[0], ==, "libvirt: it is as it is: no reason is ever parsed.");
    /* It was answered. */
    g_assert_false(has(libvirt, LIBVIRT_DESTROY));
}

/* Nobody has the name, and the bus cannot start anybody: an answer at once, and nothing is out. */
static void test_absent(LibvirtDouble **fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = *fixture;
    g_autoptr(GAsyncResult) result = NULL;

    libvirt_double_go(libvirt);
    start(libvirt, LIBVIRT_SUSPEND, NULL, &result);
    WAIT_FOR(result != NULL);
    assert_finishes(result, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    g_assert_false(has(libvirt, LIBVIRT_SUSPEND));
}

/* The owner vanishes with a call out: its caller hears of it at once; for the domain it is out
 * until the next owner has answered something that was asked afterwards. */
static void test_adrift(LibvirtDouble **fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = *fixture;
    News news = { 0 };
    LibvirtWatch *domain = watch(libvirt, &news);
    g_autoptr(GAsyncResult) result = NULL;

    libvirt->manners[LIBVIRT_RESUME] = DOUBLE_HOLDS;
    start(libvirt, LIBVIRT_RESUME, NULL, &result);
    WAIT_FOR(libvirt->n_calls[LIBVIRT_RESUME] == 1);
    WAIT_FOR(libvirt->n_calls[LIBVIRT_LIST_DOMAINS] > 0);
    libvirt_double_go(libvirt);
    WAIT_FOR(result != NULL);
    assert_finishes(result, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    g_assert_true(has(libvirt, LIBVIRT_RESUME));

    libvirt->manners[LIBVIRT_LIST_DOMAINS] = DOUBLE_FAILS; /* no libvirtd behind it */
    libvirt->n_calls[LIBVIRT_LIST_DOMAINS] = 0;
    libvirt_double_come(libvirt);
    WAIT_FOR(libvirt->n_calls[LIBVIRT_LIST_DOMAINS] > 0);
    libvirt_double_round_trip(libvirt);
    g_assert_true(has(libvirt, LIBVIRT_RESUME));
    g_assert_cmpuint(news.n[LIBVIRT_NEWS_CALL_ENDED], ==, 0);

    libvirt->manners[LIBVIRT_LIST_DOMAINS] = DOUBLE_DOES;
    libvirt_double_go(libvirt);
    libvirt_double_come(libvirt);
    WAIT_FOR(news.n[LIBVIRT_NEWS_CALL_ENDED] == 1);
    g_assert_false(has(libvirt, LIBVIRT_RESUME));
    libvirt_watch_free(domain);
}

/* Our own connection is lost: libvirt still has the call, and answers nobody. */
static void test_adrift_without_bus(LibvirtDouble **fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = *fixture;
    News news = { 0 };
    LibvirtWatch *domain = watch(libvirt, &news);
    g_autoptr(GAsyncResult) result = NULL;

    libvirt->manners[LIBVIRT_DESTROY] = DOUBLE_HOLDS;
    start(libvirt, LIBVIRT_DESTROY, NULL, &result);
    WAIT_FOR(libvirt->n_calls[LIBVIRT_DESTROY] == 1);
    libvirt_double_lose_bus(libvirt);
    WAIT_FOR(result != NULL);
    assert_finishes(result, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    g_assert_true(has(libvirt, LIBVIRT_DESTROY));
    libvirt_double_find_bus(libvirt);
    WAIT_FOR(news.n[LIBVIRT_NEWS_CALL_ENDED] == 1);
    g_assert_false(has(libvirt, LIBVIRT_DESTROY));
    libvirt_watch_free(domain);
}

/* --- state and name
 * -------------------------------------------------------------------------------- */

static void ask_state(LibvirtDouble *libvirt, guint limit_ms, GCancellable *cancellable,
                      GAsyncResult **result)
{
    libvirt_get_state_async(libvirt->libvirt, DOUBLE_UUID, limit_ms, cancellable,
                            libvirt_double_keep_result, result);
}

/* The first question is stuck: it is asked again. */
static void test_state_asked_again(LibvirtDouble **fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = *fixture;
    g_autoptr(GAsyncResult) result = NULL;
    g_autoptr(GError) error = NULL;

    libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_HOLDS;
    libvirt->state = LIBVIRT_STATE_PAUSED;
    ask_state(libvirt, 0, NULL, &result);
    WAIT_FOR(libvirt->n_calls[LIBVIRT_GET_STATE] == 1);
    libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_DOES;
    WAIT_FOR(result != NULL);
    g_assert_cmpint(libvirt_get_state_finish(result, &error), ==, LIBVIRT_STATE_PAUSED);
    g_assert_no_error(error);
    g_assert_cmpuint(libvirt->n_calls[LIBVIRT_GET_STATE], ==, 2);
}

static void test_state_unknown(LibvirtDouble **fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = *fixture;
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GAsyncResult) failed = NULL;
    g_autoptr(GAsyncResult) silent = NULL;
    g_autoptr(GAsyncResult) cancelled = NULL;
    g_autoptr(GError) error = NULL;

    libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_FAILS;
    ask_state(libvirt, 0, NULL, &failed);
    WAIT_FOR(failed != NULL);
    g_assert_cmpint(libvirt_get_state_finish(failed, &error), ==, LIBVIRT_STATE_UNKNOWN);
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    g_clear_error(&error);

    libvirt->manners[LIBVIRT_GET_STATE] = DOUBLE_HOLDS;
    ask_state(libvirt, 20, NULL, &silent);
    WAIT_FOR(silent != NULL);
    g_assert_cmpint(libvirt_get_state_finish(silent, &error), ==, LIBVIRT_STATE_UNKNOWN);
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_IO_TIMEOUT);
    g_clear_error(&error);

    ask_state(libvirt, 0, cancellable, &cancelled);
    g_cancellable_cancel(cancellable);
    WAIT_FOR(cancelled != NULL);
    g_assert_cmpint(libvirt_get_state_finish(cancelled, &error), ==, LIBVIRT_STATE_UNKNOWN);
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static char *look_up(LibvirtDouble *libvirt, const char *uuid, GError **error)
{
    g_autoptr(GAsyncResult) result = NULL;

    bailiff_libvirt_look_up_async(libvirt->libvirt, uuid, NULL, libvirt_double_keep_result,
                                  &result);
    WAIT_FOR(result != NULL);
    return bailiff_libvirt_look_up_finish(libvirt->libvirt, result, error);
}

static void assert_look_up_fails(LibvirtDouble *libvirt, const char *uuid, BailiffError code)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(look_up(libvirt, uuid, &error));
    g_assert_error(error, BAILIFF_ERROR, (int)code);
}

static void test_look_up(LibvirtDouble **fixture, gconstpointer unused)
{
    LibvirtDouble *libvirt = *fixture;
    g_autoptr(GError) error = NULL;
    g_autofree char *name = look_up(libvirt, "6695EB01-F6A4-8304-79AA-97F2502E193F", &error);

    g_assert_no_error(error);
    g_assert_cmpstr(name, ==, DOUBLE_NAME);
    assert_look_up_fails(libvirt, "", BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_look_up_fails(libvirt, "6695eb01f6a4830479aa97f2502e193f",
                         BAILIFF_ERROR_INVALID_ARGUMENT);
    assert_look_up_fails(libvirt, "6695eb01-f6a4-8304-79aa-97f2502e1930", BAILIFF_ERROR_NOT_FOUND);
    libvirt->manners[LIBVIRT_GET_NAME] = DOUBLE_FAILS;
    assert_look_up_fails(libvirt, DOUBLE_UUID, BAILIFF_ERROR_IO_ERROR);
    libvirt->manners[LIBVIRT_LIST_DOMAINS] = DOUBLE_FAILS;
    assert_look_up_fails(libvirt, DOUBLE_UUID, BAILIFF_ERROR_IO_ERROR);
    libvirt_double_go(libvirt);
    assert_look_up_fails(libvirt, DOUBLE_UUID, BAILIFF_ERROR_IO_ERROR);
}

#define ADD(name, function)                                                                        \
    g_test_add("/libvirt/" name, LibvirtDouble *, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("lazy", test_lazy);
    ADD("new-owner", test_new_owner);
    ADD("new-bus", test_new_bus);
    ADD("heartbeat", test_heartbeat);
    ADD("pid-file-news", test_pid_file_news);
    ADD("odd-events", test_odd_events);
    ADD("given-up", test_given_up);
    ADD("settle-cancelled", test_settle_cancelled);
    ADD("bounded", test_bounded);
    ADD("limit", test_limit);
    ADD("error", test_error);
    ADD("absent", test_absent);
    ADD("adrift", test_adrift);
    ADD("adrift-without-bus", test_adrift_without_bus);
    ADD("state-asked-again", test_state_asked_again);
    ADD("state-unknown", test_state_unknown);
    ADD("look-up", test_look_up);
    return g_test_run();
}
