/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a lockspace does with its hosts. */
#pragma once

#include "engine/host.h"

BailiffHost *bailiff_host_new(guint64 host_id);

/* Takes over what was observed; returns the former state. Notifies what changed. */
HostState bailiff_host_update(BailiffHost *self, const HostView *view, HostState state);
