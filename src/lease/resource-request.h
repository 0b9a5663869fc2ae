/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests: one host asks the owner of a resource to let go of it. Two machines, one for each side:
 * write a request, and look whether there is one.
 * Source: lease-algorithms facts, section 9 and trap A22; disk-format facts, section 5.1.
 *
 * A request names the version that somebody wants next. It has no checksum, no sender, and nobody
 * takes it away when it was answered: it is over when the lease has reached that version. So the
 * owner compares it with the version that it holds, and with nothing else.
 */
#pragma once

#include "lease/resource-lease.h"

typedef enum ResourceRequestAction {
    RESOURCE_REQUEST_NONE = 0,     /* takes a request back */
    RESOURCE_REQUEST_FORCE = 1,    /* by whatever means: the users are killed */
    RESOURCE_REQUEST_GRACEFUL = 2, /* the users are told */
} ResourceRequestAction;

/* Writes a request. `lease` says where and for whom; it is not held by it. */
typedef struct ResourceRequest {
    ResourceLease *lease; /* not owned; `leader` is as found */
    ResourceRequestAction action;
    uint64_t version; /* on STEP_DONE: what the record says */
    /* On STEP_DONE: whom to notify by a bit (host-outbox.h); 0: the resource is free, and nothing
     * was written, or a request was taken back. */
    uint64_t owner_id;
    int state;
    uint8_t sector[SECTOR_SIZE_MAX];
} ResourceRequest;

/* version 0: the next one. Not looked at with RESOURCE_REQUEST_NONE.
 *
 * STEP_FAILED: LEASE_REQUEST_PASSED, the lease has that version or a later one (-272), `version`;
 * LEASE_REQUEST_LATER, another host has asked for a later one (-273), `version`;
 * LEASE_BAD_REQUEST, the request record is damaged or of another format (-270, -271), `record`;
 * what reading a leader and writing a sector can lead to. Nothing was written, unless it was the
 * write that failed. */
void resource_request_init(ResourceRequest *self, ResourceLease *lease,
                           ResourceRequestAction action, uint64_t version);
MachineStep resource_request_resume(ResourceRequest *self, const MachineInput *input);

/* Reads the leader and the request record, which lie side by side, into `lease`. STEP_DONE whatever
 * the request says; STEP_FAILED with an I/O fault, LEASE_BAD_RECORD (the leader is none of this
 * resource: nothing beside it is for its holder), or LEASE_EXPIRED. */
typedef struct ResourceExamine {
    ResourceLease *lease; /* not owned */
    int state;
} ResourceExamine;

void resource_examine_init(ResourceExamine *self, ResourceLease *lease);
MachineStep resource_examine_resume(ResourceExamine *self, const MachineInput *input);

/* What a record asks of the holder of `held_version`. Anything that is no valid request for a later
 * version asks nothing: nobody is killed for bytes that might be noise. */
ResourceRequestAction resource_request_asks(const RequestRecord *record, uint64_t held_version);
