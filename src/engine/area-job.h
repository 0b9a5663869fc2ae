/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Formatting and inspecting an area: a device opened for the purpose, a worker for the purpose,
 * both dropped at the end. Storage that does not answer costs the caller a time-out and nobody else
 * anything. What the engine offers for it is in engine.h.
 */
#pragma once

#include "engine/engine.h"

/* An area is written whole: sanlock allows as much for it, whatever the io timeout. */
#define AREA_WRITE_TIMEOUT_SECONDS 60u
/* For opening and for reading, outside of any lockspace; less than a D-Bus caller's patience. */
#define AREA_READ_TIMEOUT_SECONDS 10u
