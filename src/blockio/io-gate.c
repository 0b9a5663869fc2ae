/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The gate: a number of those inside, and a flag. Who enters counts himself first and looks at the
 * flag then; who closes sets the flag first and looks at the number then. So one of the two sees
 * the other.
 */
#include "blockio/io-gate.h"

#include "blockio/aio-queue.h"

#define WAIT_US 2000

static gint inside; /* atomic */
static gint closed; /* atomic */

void io_gate_close(void)
{
    g_atomic_int_set(&closed, 1);
}

void io_gate_open(void)
{
    g_atomic_int_set(&closed, 0);
}

gboolean io_gate_is_quiet(void)
{
    /* In this order: who leaves has counted what he handed over before. */
    return g_atomic_int_get(&closed) != 0 && g_atomic_int_get(&inside) == 0 &&
           aio_total_in_flight() == 0;
}

gboolean io_gate_enter(void)
{
    g_atomic_int_inc(&inside);
    if (g_atomic_int_get(&closed) == 0)
        return TRUE;
    io_gate_leave();
    return FALSE;
}

void io_gate_leave(void)
{
    g_atomic_int_add(&inside, -1);
}

void io_gate_wait_and_enter(void)
{
    while (!io_gate_enter())
        g_usleep(WAIT_US);
}
