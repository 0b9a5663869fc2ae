/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the actions on domains do with a domain's target.
 */
#pragma once

#include "actions/domain-target.h"
#include "actions/libvirt-domain.h"

BailiffLibvirt *domain_target_get_libvirt(BailiffDomainTarget *self);

/* Looks for its process now rather than when the next news come; may emit process-changed, ended.
 */
void domain_target_look(BailiffDomainTarget *self);

/* TRUE: it uses nothing any more since an action of ours paused it, which was proved, and if it
 * runs again that is somebody else's doing (resumed). FALSE: it may run. */
void domain_target_set_quiet(BailiffDomainTarget *self, gboolean quiet);
/* A start was given up, and may yet be carried out: that it has ended is told anew, once that is
 * proved. */
void domain_target_tell_end_again(BailiffDomainTarget *self);
