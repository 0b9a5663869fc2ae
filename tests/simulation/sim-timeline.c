/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens, in words: a line for each event, kept when the seed is one to be told of.
 */
#include "simulation/sim.h"

#include <stdio.h>

#include "ondisk/mode-record.h"

static bool keeps(const Sim *self)
{
    return self->options.tell;
}

void sim_tell(Sim *self, const SimHost *host, const char *format, ...)
{
    va_list arguments;
    if (!keeps(self))
        return;
    va_start(arguments, format);
    char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    char *line = g_strdup_printf("%12.6f  %-7s %s", (double)self->now_us / 1e6,
                                 host != NULL ? host->name : "", text);
    g_free(text);
    g_ptr_array_add(self->told, line);
}

static char *describe_ballot(const SimIo *io, unsigned sector)
{
    BallotRecord ballot;
    ModeRecord mode;
    ballot_record_decode(&ballot, io->data);
    mode_record_decode(&mode, io->data + MODE_RECORD_OFFSET);
    return g_strdup_printf("ballot of host id %u: v%u mbal %u bal %u for %u/%u%s%s", sector - 1,
                           (unsigned)ballot.lver, (unsigned)ballot.mbal, (unsigned)ballot.bal,
                           (unsigned)ballot.inp, (unsigned)ballot.inp2,
                           (ballot.flags & BALLOT_FLAG_RELEASED) ? ", released" : "",
                           (mode.flags & MODE_FLAG_SHARED) ? ", shared" : "");
}

static char *describe_leader(const SimIo *io, bool is_host_lease)
{
    LeaderRecord leader;
    leader_record_decode(&leader, io->data);
    if (is_host_lease)
        return g_strdup_printf("host lease %u: generation %u, stamp %u", (unsigned)leader.owner_id,
                               (unsigned)leader.owner_generation, (unsigned)leader.timestamp);
    return g_strdup_printf("leader: v%u %s %u/%u", (unsigned)leader.version_of_lease,
                           leader.timestamp != 0 ? "owned by" : "free, was",
                           (unsigned)leader.owner_id, (unsigned)leader.owner_generation);
}

void tell_write(const SimIo *io)
{
    Sim *sim = io->host->sim;
    const Layout *layout = &sim->disk.layout;
    if (!keeps(sim))
        return;
    unsigned area = (unsigned)(io->offset / layout->align_size);
    unsigned sector = (unsigned)(io->offset % layout->align_size / layout->sector_size);
    char *text =
        area > 0 && sector > 1 ? describe_ballot(io, sector) : describe_leader(io, area == 0);
    if (area > 0)
        sim_tell(sim, io->host, "write %u starts, r%u %s", (unsigned)io->id, area, text);
    else
        sim_tell(sim, io->host, "write %u starts, %s", (unsigned)io->id, text);
    g_free(text);
}

void sim_print_told(const Sim *self)
{
    unsigned n = self->told->len;
    unsigned from = n > self->options.told_lines ? n - self->options.told_lines : 0;
    if (from > 0)
        printf("  ... %u earlier lines (--events N for more)\n", from);
    for (unsigned i = from; i < n; i++)
        printf("%s\n", (const char *)self->told->pdata[i]);
}
