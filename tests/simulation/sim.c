/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One simulation: setting up, and the loop.
 */
#include "simulation/sim.h"

/* Events */

void sim_at(Sim *self, uint64_t at_us, SimHandler handler, void *object, uint64_t serial)
{
    if (at_us != TIME_NEVER)
        event_queue_add(
            &self->events,
            (SimEvent){ .at_us = at_us, .handler = handler, .object = object, .serial = serial });
}

static void at_of_software(SimHost *host, uint64_t at_us, SimHandler handler, void *object,
                           uint64_t serial)
{
    if (at_us != TIME_NEVER)
        event_queue_add(&host->sim->events, (SimEvent){ .at_us = at_us,
                                                        .handler = handler,
                                                        .object = object,
                                                        .serial = serial,
                                                        .host = host,
                                                        .boot = host->boot });
}

void sim_soon(SimHost *host, uint64_t delay_us, SimHandler handler, void *object, uint64_t serial)
{
    uint64_t from_us = MAX(host->sim->now_us, host->frozen_until_us);
    at_of_software(host, from_us + delay_us, handler, object, serial);
}

void sim_at_local(SimHost *host, uint64_t local_us, SimHandler handler, void *object,
                  uint64_t serial)
{
    at_of_software(host, host_true_time(host, local_us), handler, object, serial);
}

static void dispatch(Sim *self, SimEvent *event)
{
    SimHost *host = event->host;
    if (host != NULL && (!host->up || host->boot != event->boot))
        return;
    if (host != NULL && host->stopped_until_us != 0) {
        g_array_append_val(host->deferred, *event);
        return;
    }
    self->counts.events++;
    event->handler(self, event->object, event->serial);
}

static void run_until(Sim *self, uint64_t until_us)
{
    SimEvent event;
    while (self->violation == NULL && event_queue_take(&self->events, &event)) {
        if (event.at_us >= until_us) {
            event_queue_add(&self->events, event);
            break;
        }
        self->now_us = MAX(self->now_us, event.at_us);
        dispatch(self, &event);
    }
    self->now_us = MAX(self->now_us, until_us);
}

bool sim_run_seed(Sim *self, uint64_t seed, const SimOptions *options)
{
    *self = (Sim){ .seed = seed,
                   .options = *options,
                   .now_us = SIM_START_US,
                   .chance = { seed * UINT64_C(0x2545F4914F6CDD1D) + 1 },
                   .told = g_ptr_array_new_with_free_func(g_free) };
    event_queue_init(&self->events);
    weather_init(self);
    area_init(self);
    disk_init(self);
    area_prepare(self);
    weather_start(self);
    run_until(self, SIM_START_US + options->seconds * USEC_PER_SECOND);
    if (self->violation != NULL || self->corrupted || options->safety_only)
        return self->violation == NULL;
    weather_calm(self);
    while (self->violation == NULL && !check_progress(self))
        run_until(self, self->now_us + USEC_PER_SECOND);
    return self->violation == NULL;
}

void sim_clear(Sim *self)
{
    disk_clear(self);
    area_clear(self);
    for (unsigned i = 0; i < self->n_hosts; i++)
        host_clear(&self->hosts[i]);
    event_queue_clear(&self->events);
    g_ptr_array_unref(self->told);
    g_free(self->violation);
}
