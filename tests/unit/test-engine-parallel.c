/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases of one call are acquired side by side: with the storage standing still, the first read of
 * every one of them is out, all in one aio context.
 */
#include "support/engine-fixture.h"
#include "support/libaio-double.h"

#include "ondisk/layout.h"

#define N_LEASES 8u

/* Reads of whole resources behind the gate; 0 when they are not in one context. */
static guint count_held_area_reads(void)
{
    io_context_t context = NULL;
    guint n = 0;

    pthread_mutex_lock(&aio_double.lock);
    for (guint i = 0; i < aio_double.held_length; i++) {
        const struct iocb *block = aio_double.held[i].block;

        if (block->aio_lio_opcode != IO_CMD_PREAD || block->u.c.offset < (long long)MEBIBYTE)
            continue;
        if (context != NULL && context != aio_double.held[i].context) {
            n = 0;
            break;
        }
        context = aio_double.held[i].context;
        n++;
    }
    pthread_mutex_unlock(&aio_double.lock);
    return n;
}

static void test_parallel(Fixture *fixture, gconstpointer data)
{
    if (skip_without_pidfds())
        return;

    BailiffLeaseWish wishes[N_LEASES];
    g_auto(GStrv) names = g_new0(char *, N_LEASES + 1);
    g_autoptr(GError) error = NULL;
    BailiffRegistration *registration;
    BailiffLockspace *lockspace;

    double_reset();
    format(fixture, NULL, 0);
    for (guint i = 0; i < N_LEASES; i++) {
        names[i] = g_strdup_printf("disk%u", i);
        format(fixture, names[i], (i + 1) * MEBIBYTE);
        wishes[i] = (BailiffLeaseWish){ .lockspace = SPACE,
                                        .resource = names[i],
                                        .path = fixture->path,
                                        .offset = (i + 1) * MEBIBYTE };
    }
    /* Long enough for whatever the machine does meanwhile. */
    lockspace = bailiff_engine_join(fixture->engine, SPACE, fixture->path, 0, 1, 30, &error);
    g_assert_no_error(error);
    WAIT_FOR(bailiff_lockspace_get_state(lockspace) == BAILIFF_LOCKSPACE_HELD);
    registration = register_child(fixture, start_child(fixture), "one");

    double_shut();
    bailiff_registration_acquire_async(registration, wishes, N_LEASES, NULL, on_result, fixture);
    WAIT_FOR(count_held_area_reads() == N_LEASES);
    g_assert_null(fixture->result);
    double_open();
    g_autoptr(GAsyncResult) result = wait_for_result(fixture);
    g_autoptr(GPtrArray) held = bailiff_registration_acquire_finish(registration, result, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(held->len, ==, N_LEASES);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/engine-parallel/eight-leases", Fixture, NULL, set_up, test_parallel, tear_down);
    return g_test_run();
}
