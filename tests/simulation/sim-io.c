/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The disk, and each host's I/O queues: what blockio does in the daemon.
 *
 * An I/O is asked for (io_ask), waits in its queue, is handed to the device, lands if it is a
 * write, and ends; its machine is told when the software notices the end, or at the deadline,
 * whichever is first. Landing and ending are physics: they happen while the host stands still, too
 * (unless it is suspended). All the rest is software and waits then.
 *
 * Only the first sectors of each area ever change, so a read of an area copies no more than those
 * into an image of it.
 */
#include "simulation/sim.h"

#include <string.h>

#include "ondisk/area-image.h"

/* As in blockio/aio-queue.h. */
#define OVERDUE_LIMIT 4u
/* From the end of an I/O to the thread that learns of it. */
#define NOTICE_US 40u

static void pump(SimHost *host);
static void notice_later(SimIo *io);

/* The disk */

void disk_init(Sim *sim)
{
    SimDisk *disk = &sim->disk;
    bool small = chance_hits(&sim->chance, 0.03);
    layout_from_sizes(&disk->layout, small ? 512 : 4096, MEBIBYTE);
    disk->bytes = g_malloc((size_t)disk->layout.align_size * (1 + SIM_RESOURCES_MAX));
    disk->hot = (SIM_HOSTS_MAX + 2) * disk->layout.sector_size;
    disk->free_ios = g_ptr_array_new();
    disk->all_ios = g_ptr_array_new_with_free_func(g_free);
    for (unsigned i = 0; i < 1 + SIM_RESOURCES_MAX; i++) {
        char name[] = { 'r', (char)('0' + i), '\0' };
        disk->areas[i].offset = (uint64_t)i * disk->layout.align_size;
        disk->areas[i].images = g_ptr_array_new_with_free_func(g_free);
        uint8_t *area = disk->bytes + disk->areas[i].offset;
        if (i == 0)
            lockspace_area_fill(area, &disk->layout, SIM_LOCKSPACE, sim->hosts[0].io_timeout);
        else
            resource_area_fill(area, &disk->layout, SIM_LOCKSPACE, name, SIM_HOSTS_MAX);
    }
}

static SimArea *area_of(SimDisk *disk, uint64_t offset)
{
    return &disk->areas[offset / disk->layout.align_size];
}

static uint8_t *image_take(SimDisk *disk, SimArea *area)
{
    if (area->images->len > 0)
        return g_ptr_array_steal_index_fast(area->images, area->images->len - 1);
    return g_memdup2(disk->bytes + area->offset, disk->layout.align_size);
}

/* Copies what sectors from..to of the read range hold now. */
static void sample(SimDisk *disk, SimIo *io, uint64_t from, uint64_t to)
{
    const SimArea *area = area_of(disk, io->offset);
    uint64_t sector_size = disk->layout.sector_size;
    uint64_t start = io->offset + from * sector_size;
    uint64_t end = MIN(io->offset + MIN(to * sector_size, io->length), area->offset + disk->hot);
    if (start < end)
        memcpy(io->image + (start - area->offset), disk->bytes + start, end - start);
}

/* I/Os */

static SimIo *io_take(Sim *sim)
{
    SimDisk *disk = &sim->disk;
    SimIo *io;
    if (disk->free_ios->len > 0) {
        io = g_ptr_array_steal_index_fast(disk->free_ios, disk->free_ios->len - 1);
    } else {
        io = g_new(SimIo, 1);
        g_ptr_array_add(disk->all_ios, io);
    }
    *io = (SimIo){ .id = ++disk->next_id };
    return io;
}

static void io_release(SimIo *io)
{
    SimDisk *disk = &io->host->sim->disk;
    g_clear_pointer(&io->data, g_free);
    if (io->image != NULL)
        g_ptr_array_add(area_of(disk, io->offset)->images, g_steal_pointer(&io->image));
    g_ptr_array_remove(io->host->ios, io);
    io->id = 0;
    g_ptr_array_add(disk->free_ios, io);
}

void disk_clear(Sim *sim)
{
    SimDisk *disk = &sim->disk;
    for (unsigned i = 0; i < disk->all_ios->len; i++) {
        SimIo *io = disk->all_ios->pdata[i];
        if (io->id != 0) {
            g_free(io->data);
            g_free(io->image);
        }
    }
    g_ptr_array_unref(disk->all_ios);
    g_ptr_array_unref(disk->free_ios);
    for (unsigned i = 0; i < 1 + SIM_RESOURCES_MAX; i++)
        g_ptr_array_unref(disk->areas[i].images);
    g_free(disk->bytes);
}

static void io_tell(SimIo *io, IoOutcome outcome)
{
    SimRun *run = g_steal_pointer(&io->run);
    if (run != NULL)
        run_io_ended(run, io, outcome);
}

/* The end */

static void answer_adopters(SimHost *host, SimIo *parent)
{
    SimDisk *disk = &host->sim->disk;
    for (unsigned i = host->ios->len; i-- > 0;) {
        SimIo *io = host->ios->pdata[i];
        SimArea *area = area_of(disk, io->offset);
        if (io->adopted != parent)
            continue;
        io->adopted = NULL;
        io->ended = true;
        io->started_local_us = parent->started_local_us;
        io->image = image_take(disk, area);
        memcpy(io->image, parent->image, disk->hot);
        io->fate.outcome = parent->fate.outcome;
        notice_later(io);
    }
}

/* Software. */
static void on_noticed(Sim *sim, void *object, uint64_t serial)
{
    SimIo *io = object;
    if (io->id != serial)
        return;
    SimHost *host = io->host;
    answer_adopters(host, io);
    io_tell(io, io->fate.outcome);
    io_release(io);
    pump(host);
}

static void notice_later(SimIo *io)
{
    sim_soon(io->host, chance_between(&io->host->sim->chance, 0, NOTICE_US), on_noticed, io,
             io->id);
}

/* Physics, from here... */

/* What lands may be of the past. */
static void land(Sim *sim, SimIo *io)
{
    const Layout *layout = &sim->disk.layout;
    LeaderRecord now, then;
    bool is_host_lease = io->offset < layout->align_size;
    leader_record_decode(&now, sim->disk.bytes + io->offset);
    leader_record_decode(&then, io->data);
    memcpy(sim->disk.bytes + io->offset, io->data, io->length);
    if (is_host_lease && then.owner_generation < now.owner_generation) {
        sim->generation_fell = true;
        sim_tell(sim, io->host, "host lease %u is of the past now", (unsigned)now.owner_id);
    }
    if (!is_host_lease && io->offset % layout->align_size == 0 &&
        then.version_of_lease < now.version_of_lease) {
        sim->version_fell = true;
        sim_tell(sim, io->host, "r%u: the leader is of the past now",
                 (unsigned)(io->offset / layout->align_size));
    }
}

static bool wait_for_resume(Sim *sim, SimIo *io, SimHandler handler)
{
    if (!io->host->suspended)
        return false;
    uint64_t later = chance_between(&sim->chance, 1, USEC_PER_SECOND);
    sim_at(sim, MAX(io->host->stopped_until_us, sim->now_us) + later, handler, io, io->id);
    return true;
}

static void on_land(Sim *sim, void *object, uint64_t serial)
{
    SimIo *io = object;
    if (io->id != serial || io->landed || io->ended || io->fate.land_after_us == TIME_NEVER ||
        wait_for_resume(sim, io, on_land))
        return;
    land(sim, io);
    io->landed = true;
    sim->counts.late_landings += io->overdue;
    if (io->overdue)
        sim_tell(sim, io->host, "write %u, given up, lands now", (unsigned)io->id);
    else
        sim_tell(sim, io->host, "write %u lands", (unsigned)io->id);
}

static void on_end(Sim *sim, void *object, uint64_t serial)
{
    SimIo *io = object;
    if (io->id != serial || io->ended || wait_for_resume(sim, io, on_end))
        return;
    if (io->is_write && io->fate.land_after_us != TIME_NEVER)
        on_land(sim, io, serial);
    if (!io->is_write) {
        uint64_t all = io->length / sim->disk.layout.sector_size;
        uint64_t from = io->fate.sampling == SAMPLE_HEAD_FIRST ? io->fate.torn_at : 0;
        uint64_t to = io->fate.sampling == SAMPLE_TAIL_FIRST ? io->fate.torn_at : all;
        if (io->fate.sampling != SAMPLE_START)
            sample(&sim->disk, io, from, to);
    }
    io->ended = true;
    notice_later(io);
}

static void on_afterlife(Sim *sim, void *object, uint64_t serial)
{
    SimIo *io = object;
    land(sim, io);
    sim_tell(sim, io->host, "a write from before the reset lands");
    g_clear_pointer(&io->data, g_free);
    io->id = 0;
    g_ptr_array_add(sim->disk.free_ios, io);
}

void io_reset(SimHost *host, uint64_t until_us)
{
    Sim *sim = host->sim;
    while (host->ios->len > 0) {
        SimIo *io = host->ios->pdata[host->ios->len - 1];
        if (io->is_write && io->submitted && !io->landed && !io->ended &&
            chance_hits(&sim->chance, 0.5)) {
            SimIo *ghost = io_take(sim);
            ghost->host = host;
            ghost->offset = io->offset;
            ghost->length = io->length;
            ghost->data = g_steal_pointer(&io->data);
            sim_at(sim, chance_between(&sim->chance, sim->now_us, until_us), on_afterlife, ghost,
                   ghost->id);
        }
        io_release(io);
    }
}

void io_let_go(SimHost *host)
{
    Sim *sim = host->sim;
    for (unsigned i = 0; i < host->ios->len; i++) {
        SimIo *io = host->ios->pdata[i];
        if (!io->submitted || io->ended)
            continue;
        if (io->is_write && !io->landed && chance_hits(&sim->chance, 0.5)) {
            io->fate.land_after_us = TIME_NEVER;
            io->fate.outcome = IO_FAILED;
        }
        sim_at(sim, sim->now_us + chance_between(&sim->chance, 0, 5 * USEC_PER_SECOND), on_end, io,
               io->id);
    }
}

/* ...to here. Starting */

static bool overlap(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
    return a < b + b_length && b < a + a_length;
}

bool io_write_in_flight(const SimHost *host, uint64_t offset, uint64_t length)
{
    for (unsigned i = 0; i < host->ios->len; i++) {
        const SimIo *io = host->ios->pdata[i];
        if (io->is_write && io->submitted && !io->ended &&
            overlap(io->offset, io->length, offset, length))
            return true;
    }
    return false;
}

/* Each lockspace has two queues of its own; one that was left and joined again is another. */
static bool is_same_queue(const SimIo *a, const SimIo *b)
{
    return a->lockspace == b->lockspace && a->queue == b->queue;
}

static bool is_fenced(const SimHost *host, const SimIo *io)
{
    if (host->sim->options.ignore_fences)
        return false;
    for (unsigned i = 0; i < host->ios->len; i++) {
        const SimIo *other = host->ios->pdata[i];
        if (other == io)
            continue;
        if (!other->is_write || other->ended ||
            !overlap(other->fence_offset, other->fence_length, io->fence_offset, io->fence_length))
            continue;
        /* In flight anywhere, or asked for earlier in the same queue. */
        if (other->submitted || (is_same_queue(other, io) && other->id < io->id))
            return true;
    }
    return false;
}

static bool has_room(const SimHost *host, const SimIo *of)
{
    unsigned overdue = 0;
    for (unsigned i = 0; i < host->ios->len; i++) {
        const SimIo *io = host->ios->pdata[i];
        overdue += is_same_queue(io, of) && io->overdue && !io->ended;
    }
    return overdue < OVERDUE_LIMIT;
}

static SimIo *find_overdue_read(const SimHost *host, const SimIo *io)
{
    for (unsigned i = 0; i < host->ios->len; i++) {
        SimIo *other = host->ios->pdata[i];
        if (is_same_queue(other, io) && other->overdue && !other->is_write && !other->ended &&
            other->offset == io->offset && other->length == io->length)
            return other;
    }
    return NULL;
}

static void hand_over(SimHost *host, SimIo *io)
{
    Sim *sim = host->sim;
    sim->counts.ios++;
    io->submitted = true;
    io->started_local_us = host_local(host);
    io->fate = weather_fate(host, io);
    if (io->is_write) {
        tell_write(io);
        check_fences(host, io);
        check_overwrite(host, io);
        frozen_check_renewal(host, io);
        if (io->fate.land_after_us != TIME_NEVER)
            sim_at(sim, time_add(sim->now_us, io->fate.land_after_us), on_land, io, io->id);
    } else {
        if (io->queue == QUEUE_RENEWAL && io->length == sim->disk.layout.align_size)
            io->lockspace->area_read_us = sim->now_us;
        io->image = image_take(&sim->disk, area_of(&sim->disk, io->offset));
        if (io->fate.sampling != SAMPLE_END)
            sample(&sim->disk, io, 0, io->length / sim->disk.layout.sector_size);
    }
    sim_at(sim, time_add(sim->now_us, io->fate.end_after_us), on_end, io, io->id);
    weather_moment(host);
}

static bool is_too_late(const SimHost *host, const SimIo *io)
{
    return host_local(host) > io->start_by_local_us && !host->sim->options.ignore_start_by;
}

static void finish_unstarted(SimIo *io, IoOutcome outcome)
{
    io->ended = true;
    io->fate.outcome = outcome;
    io->host->sim->counts.too_late += outcome == IO_TOO_LATE;
    if (io->adopted == NULL)
        io->started_local_us = host_local(io->host);
    notice_later(io);
}

static bool expire(SimHost *host, SimIo *io)
{
    if (is_too_late(host, io))
        finish_unstarted(io, IO_TOO_LATE);
    else if (host_local(host) >= io->deadline_local_us)
        finish_unstarted(io, IO_TIMED_OUT);
    return io->ended;
}

static void pump(SimHost *host)
{
    for (unsigned i = 0; i < host->ios->len; i++) {
        SimIo *io = host->ios->pdata[i];
        if (io->submitted || io->ended || io->adopted != NULL || expire(host, io))
            continue;
        if (io->adopt_overdue)
            io->adopted = find_overdue_read(host, io);
        if (io->adopted != NULL || !has_room(host, io) || (io->is_write && is_fenced(host, io)))
            continue;
        hand_over(host, io);
    }
}

static void on_pump(Sim *sim, void *object, uint64_t serial)
{
    pump(object);
}

/* Software: the deadline, or start_by, is over. */
static void on_due(Sim *sim, void *object, uint64_t serial)
{
    SimIo *io = object;
    /* What the device has ended is taken first, however late the software is. */
    if (io->id != serial || io->ended || io->overdue)
        return;
    if (io->adopted != NULL) {
        io->started_local_us = io->adopted->started_local_us;
        finish_unstarted(io, IO_TIMED_OUT);
        io->adopted = NULL;
    } else if (!io->submitted) {
        expire(io->host, io);
    } else if (host_local(io->host) >= io->deadline_local_us) {
        SimHost *host = io->host;
        io->overdue = true;
        io_tell(io, IO_TIMED_OUT);
        pump(host);
    }
}

void io_ask(SimRun *run)
{
    SimHost *host = run->host;
    Sim *sim = host->sim;
    const MachineStep *step = &run->step;
    SimIo *io = io_take(sim);
    uint64_t base = step->target == TARGET_RESOURCE ? run->resource_offset : 0;

    io->host = host;
    io->queue = run->queue;
    io->lockspace = run->lockspace;
    io->run = run;
    io->is_write = step->kind == STEP_WRITE;
    io->adopt_overdue = step->adopt_overdue && !io->is_write;
    io->offset = step->offset + base;
    io->length = step->length;
    io->deadline_local_us = time_add(host_local(host), step->timeout_us);
    io->start_by_local_us = TIME_NEVER;
    g_ptr_array_add(host->ios, io);
    run->io = io;
    if (io->is_write) {
        io->start_by_local_us = step->start_by_us;
        io->fence_offset = step->fence_offset + base;
        io->fence_length = step->fence_length;
        io->data = g_memdup2(step->data, step->length);
        check_write(run, io);
        if (time_add(io->start_by_local_us, 1) < io->deadline_local_us)
            sim_at_local(host, time_add(io->start_by_local_us, 1), on_due, io, io->id);
    }
    sim_at_local(host, io->deadline_local_us, on_due, io, io->id);
    sim_soon(host, weather_thread_delay(host), on_pump, host, 0);
    weather_moment(host);
}
