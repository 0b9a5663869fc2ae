/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a value: one read. Writing it: a look whether what we hold is ours, then one write, which
 * must have been handed to the device before our own deadline.
 */
#include "lease/resource-value.h"

#include <string.h>

#include "lease/resource-step.h"

enum {
    VALUE_START,
    VALUE_CHECK,
    VALUE_READ,
    VALUE_WRITE,
    VALUE_ENDED,
};

void resource_value_init_read(ResourceValue *self, const ResourceLease *lease)
{
    *self = (ResourceValue){ .lease = *lease, .state = VALUE_START };
}

void resource_value_init_write(ResourceValue *self, const ResourceLease *lease, const uint8_t *data,
                               uint32_t length)
{
    *self = (ResourceValue){ .lease = *lease, .writes = true, .state = VALUE_START };
    memcpy(self->sector, data,
           length < lease->layout.sector_size ? length : lease->layout.sector_size);
    resource_recheck_init(&self->recheck, lease, false);
}

static MachineStep value_end(ResourceValue *self, MachineStep step)
{
    self->state = VALUE_ENDED;
    return step;
}

static uint64_t place(const ResourceValue *self)
{
    return layout_value(&self->lease.layout, self->lease.resource_offset);
}

static MachineStep check(ResourceValue *self, const MachineInput *input)
{
    MachineStep step = resource_recheck_resume(&self->recheck, input);

    if (step.kind == STEP_FAILED)
        return value_end(self, step);
    if (step.kind != STEP_DONE)
        return step;
    self->state = VALUE_WRITE;
    return resource_step_write(&self->lease, input, place(self), self->sector);
}

MachineStep resource_value_resume(ResourceValue *self, const MachineInput *input)
{
    if (self->state == VALUE_ENDED)
        return step_failed(resource_fault(LEASE_STOPPED));
    /* What was written in time counts however late it is seen; and what may have been written is
     * not to be called too late. */
    if (self->state == VALUE_WRITE)
        return value_end(self, input->io == IO_OK ? step_done()
                                                  : step_failed(resource_io_fault(input, true)));
    if (input->stop)
        return value_end(self, step_failed(resource_fault(LEASE_STOPPED)));
    if (input->now_us >= input->valid_until_us)
        return value_end(self, step_failed(resource_fault(LEASE_EXPIRED)));

    switch (self->state) {
    case VALUE_START:
        self->state = self->writes ? VALUE_CHECK : VALUE_READ;
        if (self->writes)
            return check(self, input);
        return resource_step_read(&self->lease, place(self), self->lease.layout.sector_size);
    case VALUE_CHECK:
        return check(self, input);
    default:
        if (input->io != IO_OK)
            return value_end(self, step_failed(resource_io_fault(input, false)));
        memcpy(self->sector, input->data, self->lease.layout.sector_size);
        return value_end(self, step_done());
    }
}
