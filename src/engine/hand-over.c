/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handing over.
 */
#include "engine/hand-over.h"

#include "base/checked-time.h"
#include "engine/engine-private.h"
#include "engine/incident-recorder.h"
#include "engine/registration-private.h"

/* Memory takes a millisecond for a thousand steps; a renewal must not wait for a story. */
#define STORY_LIMIT_US (USEC_PER_SECOND / 20)

void hand_over_write(BailiffEngine *engine, const char *how)
{
    g_autoptr(GPtrArray) registrations = bailiff_engine_list_registrations(engine);

    for (guint i = 0; i < registrations->len; i++)
        bailiff_registration_save_pending(registrations->pdata[i]);
    bailiff_incident_recorder_hand_over(bailiff_engine_get_recorder(engine), how);
    bailiff_incident_log_flush(bailiff_engine_get_incidents(engine), STORY_LIMIT_US);
}

void hand_over_failed(BailiffEngine *engine, const char *why)
{
    bailiff_incident_recorder_stay(bailiff_engine_get_recorder(engine), why);
}
