/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What libvirt's hook asks of bailiffd: a domain that is about to start gets its leases, one that
 * has ended, or was never started, lets go of them.
 *
 * libvirt holds the domain's lock meanwhile, so every call has a time limit, and libvirt is never
 * asked for anything.
 */
#pragma once

#include "ctl/domain-xml.h"

/*
 * Registers the domain and acquires all its leases, or leaves nothing behind. The domain is
 * registered already when bailiffd starts it again after a failure, and acquired the leases before:
 * then nothing is done, and it may start. So it is for one that was registered by hand, which gets
 * the leases it has not got.
 *
 * Refused (Busy) while a process of its last run lives: libvirt says that a domain is off when it
 * has killed it, but until the storage answers a write of it may still land.
 */
gboolean domain_registration_start(const DomainXml *domain, GError **error);

/*
 * Lets go of a domain that has no process. libvirt calls for it also when a start was refused. What
 * is left to bailiffd: a process that lives, whatever libvirt says; a domain whose leases were
 * lost; one that is to be started again. Nothing is registered: nothing is done.
 */
gboolean domain_registration_end(const char *uuid, GError **error);
