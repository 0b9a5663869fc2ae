/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's words for what is to become of a domain that loses a lease, as failure policies.
 */
#pragma once

#include "ctl/domain-xml.h"
#include "failure/failure-policy.h"

/* FALSE when nothing was said: the failure policy is then the default that bailiffd has. */
gboolean lockfailure_policy(DomainLockfailure word, FailurePolicy *ret);
