/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A witness between machine and driver; see the header.
 */
#include "machine-spy.h"

#include <string.h>

#define NEVER_READ 0xEE

/* Kept from run to run: a fresh megabyte costs more than all that a machine does. */
static uint8_t *kept[2];
static size_t kept_size[2];

void machine_spy_init(MachineSpy *self, const MemoryHost *host)
{
    *self = (MachineSpy){ 0 };
    for (unsigned i = 0; i < 2; i++) {
        if (host->disks[i] == NULL)
            continue;
        self->size[i] = host->disks[i]->size;
        if (kept_size[i] < self->size[i]) {
            g_free(kept[i]);
            kept[i] = g_malloc(self->size[i]);
            memset(kept[i], NEVER_READ, self->size[i]);
            kept_size[i] = self->size[i];
        }
        self->seen[i] = kept[i];
        self->dirty_from[i] = self->size[i];
    }
}

void machine_spy_clear(MachineSpy *self)
{
    for (unsigned i = 0; i < 2; i++) {
        if (self->dirty_from[i] < self->dirty_until[i])
            memset(self->seen[i] + self->dirty_from[i], NEVER_READ,
                   self->dirty_until[i] - self->dirty_from[i]);
    }
}

void machine_spy_attach(MachineSpy *self, void *machine, MachineResume resume)
{
    self->machine = machine;
    self->resume = resume;
    self->step = (MachineStep){ .kind = STEP_WAIT };
    self->n_writes = 0;
}

MachineStep machine_spy_resume(void *spy, const MachineInput *input)
{
    MachineSpy *self = spy;
    const MachineStep *last = &self->step;

    if (last->kind == STEP_READ && input->io == IO_OK) {
        g_assert_cmpuint(last->offset + last->length, <=, self->size[last->target]);
        memcpy(self->seen[last->target] + last->offset, input->data, last->length);
        self->dirty_from[last->target] = MIN(self->dirty_from[last->target], last->offset);
        self->dirty_until[last->target] =
            MAX(self->dirty_until[last->target], last->offset + last->length);
        if (self->on_read != NULL)
            self->on_read(self, last, input);
    }
    self->step = self->resume(self->machine, input);
    if (self->step.kind == STEP_WRITE) {
        self->n_writes++;
        self->on_write(self, &self->step, input);
    }
    return self->step;
}
