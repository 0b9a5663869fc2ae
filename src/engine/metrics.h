/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the engine is doing, in numbers for a monitoring system.
 *
 * It listens to the engine's signals as any front end does, and decides nothing. Its labels come
 * from sets that are small or that an administrator makes: lockspaces, states, actions, outcomes;
 * never registrations or resources, of which there can be thousands.
 */
#pragma once

#include "engine/engine.h"

#define BAILIFF_TYPE_METRICS (bailiff_metrics_get_type())
G_DECLARE_FINAL_TYPE(BailiffMetrics, bailiff_metrics, BAILIFF, METRICS, GObject)

/* Borrows the engine, which owns it. */
BailiffMetrics *bailiff_metrics_new(BailiffEngine *engine);

/* All of them now, as OpenMetrics text; free it. */
char *bailiff_metrics_print(BailiffMetrics *self);
