/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stands between a lease machine and its driver: remembers what the machine has read, and shows
 * each write to the target before it is carried out. So a target can say "nothing is written unless
 * what was read allows it" without knowing the machine's states.
 */
#pragma once

#include "support/memory-disk.h"

typedef struct MachineSpy MachineSpy;
struct MachineSpy {
    void *machine;
    MachineResume resume;
    /* Each write that the machine asks for; `input` is what it was resumed with. */
    void (*on_write)(MachineSpy *self, const MachineStep *step, const MachineInput *input);
    /* Each read that came back well. May be NULL. */
    void (*on_read)(MachineSpy *self, const MachineStep *step, const MachineInput *input);
    void *user_data;

    /* The disks as last read, by StepTarget; what was never read is 0xEE. */
    uint8_t *seen[2];
    size_t size[2];
    size_t dirty_from[2], dirty_until[2];
    MachineStep step;  /* what it asked for last */
    unsigned n_writes; /* asked for */
};

void machine_spy_init(MachineSpy *self, const MemoryHost *host);
void machine_spy_clear(MachineSpy *self);

/* Begins to spy on another machine; what was read stays known. */
void machine_spy_attach(MachineSpy *self, void *machine, MachineResume resume);

/* For the driver: the machine is the MachineSpy. */
MachineStep machine_spy_resume(void *spy, const MachineInput *input);
