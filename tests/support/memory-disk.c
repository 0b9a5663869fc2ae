/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Storage in memory and simulated time; see the header.
 *
 * What a driver must never do to a machine is not done here either; what it may do in the worst
 * case is: bytes that a read returned are freed as soon as the machine has looked at them, so that
 * a machine that keeps the pointer is caught by valgrind or the address sanitizer.
 */
#include "support/memory-disk.h"

#include <string.h>

typedef struct Landing {
    uint64_t at_us;
    uint64_t offset;
    uint32_t length;
    uint8_t *data; /* owned */
    const MemoryHost *from;
} Landing;

typedef struct InFlight {
    const MemoryDisk *disk;
    uint64_t offset;
    uint64_t length;
    uint64_t end_us;
} InFlight;

typedef struct OverdueRead {
    StepTarget target;
    uint64_t offset;
    uint32_t length;
    uint64_t started_us;
    uint64_t end_us;
    IoOutcome outcome;
    int io_errno;
    uint8_t *sampled; /* owned; NULL: sampled when it ends */
} OverdueRead;

/* Disk */

void memory_disk_init(MemoryDisk *self, size_t size)
{
    *self = (MemoryDisk){ .bytes = g_malloc0(size), .size = size };
    self->landing = g_array_new(FALSE, TRUE, sizeof(Landing));
}

void memory_disk_clear(MemoryDisk *self)
{
    for (unsigned i = 0; i < self->landing->len; i++)
        g_free(g_array_index(self->landing, Landing, i).data);
    g_array_unref(self->landing);
    g_free(self->bytes);
}

void memory_disk_advance(MemoryDisk *self, uint64_t now_us)
{
    self->now_us = MAX(self->now_us, now_us);
    for (;;) {
        Landing *first = NULL;
        unsigned index = 0;
        for (unsigned i = 0; i < self->landing->len; i++) {
            Landing *it = &g_array_index(self->landing, Landing, i);
            if (it->at_us <= self->now_us && (first == NULL || it->at_us < first->at_us)) {
                first = it;
                index = i;
            }
        }
        if (first == NULL)
            return;
        memcpy(self->bytes + first->offset, first->data, first->length);
        g_free(first->data);
        g_array_remove_index(self->landing, index);
    }
}

void memory_disk_write_at(MemoryDisk *self, uint64_t at_us, uint64_t offset, const uint8_t *data,
                          uint32_t length)
{
    g_assert_cmpuint(offset + length, <=, self->size);
    Landing landing = { at_us, offset, length, g_memdup2(data, length) };
    g_array_append_val(self->landing, landing);
}

/* Host */

static void log_entry_clear(void *entry)
{
    g_free(((MemoryLogEntry *)entry)->data);
}

static void overdue_read_clear(void *overdue)
{
    g_free(((OverdueRead *)overdue)->sampled);
}

void memory_host_init(MemoryHost *self, MemoryDisk *lockspace, MemoryDisk *resource,
                      uint64_t now_us)
{
    *self = (MemoryHost){ .disks = { lockspace, resource },
                          .now_us = now_us,
                          .valid_until_us = TIME_NEVER,
                          .other = memory_io_slow(1000),
                          .random = 12345 };
    self->plan = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    self->log = g_array_new(FALSE, TRUE, sizeof(MemoryLogEntry));
    g_array_set_clear_func(self->log, log_entry_clear);
    self->in_flight = g_array_new(FALSE, TRUE, sizeof(InFlight));
    self->overdue = g_array_new(FALSE, TRUE, sizeof(OverdueRead));
    g_array_set_clear_func(self->overdue, overdue_read_clear);
}

void memory_host_clear(MemoryHost *self)
{
    g_hash_table_unref(self->plan);
    g_array_unref(self->log);
    g_array_unref(self->in_flight);
    g_array_unref(self->overdue);
}

void memory_host_plan(MemoryHost *self, unsigned io_number, MemoryIo io)
{
    g_hash_table_insert(self->plan, GUINT_TO_POINTER(io_number), g_memdup2(&io, sizeof io));
}

void memory_host_unplan(MemoryHost *self)
{
    g_hash_table_remove_all(self->plan);
}

const MemoryLogEntry *memory_host_logged(const MemoryHost *self, unsigned number)
{
    for (unsigned i = 0; i < self->log->len; i++) {
        const MemoryLogEntry *entry = &g_array_index(self->log, MemoryLogEntry, i);
        if (entry->number == number)
            return entry;
    }
    g_error("no I/O number %u in the log", number);
}

unsigned memory_host_count_writes(const MemoryHost *self)
{
    unsigned n = 0;
    for (unsigned i = 0; i < self->log->len; i++) {
        const MemoryLogEntry *entry = &g_array_index(self->log, MemoryLogEntry, i);
        n += entry->kind == STEP_WRITE && entry->submitted;
    }
    return n;
}

void memory_host_forget_log(MemoryHost *self)
{
    g_array_set_size(self->log, 0);
}

void memory_host_reset(MemoryHost *self, uint64_t land_until_us)
{
    for (unsigned d = 0; d < 2; d++) {
        MemoryDisk *disk = self->disks[d];
        for (unsigned i = 0; disk != NULL && i < disk->landing->len;) {
            Landing *it = &g_array_index(disk->landing, Landing, i);
            if (it->from != self) {
                i++;
                continue;
            }
            if (it->at_us <= land_until_us)
                memcpy(disk->bytes + it->offset, it->data, it->length);
            g_free(it->data);
            g_array_remove_index(disk->landing, i);
        }
    }
    g_array_set_size(self->in_flight, 0);
    g_array_set_size(self->overdue, 0);
}

static uint32_t next_random(MemoryHost *host)
{
    /* Marsaglia's xorshift. */
    uint32_t x = host->random ? host->random : 1;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return host->random = x;
}

/* When the last write in flight that overlaps the fence has ended; 0: none is. */
static uint64_t fence_free_at(MemoryHost *host, const MachineStep *step)
{
    const MemoryDisk *disk = host->disks[step->target];
    uint64_t free_at = 0;
    for (unsigned i = 0; i < host->in_flight->len;) {
        const InFlight *it = &g_array_index(host->in_flight, InFlight, i);
        if (it->end_us <= host->now_us) {
            g_array_remove_index_fast(host->in_flight, i);
            continue;
        }
        if (it->disk == disk && it->offset < step->fence_offset + step->fence_length &&
            step->fence_offset < it->offset + it->length)
            free_at = MAX(free_at, it->end_us);
        i++;
    }
    return free_at;
}

/* Runs: issuing */

static void land_at(MemoryHost *from, MemoryDisk *disk, const MachineStep *step, uint64_t at_us)
{
    if (at_us == TIME_NEVER)
        return;
    memory_disk_write_at(disk, at_us, step->offset, step->data, step->length);
    g_array_index(disk->landing, Landing, disk->landing->len - 1).from = from;
}

static MemoryLogEntry *run_log(MemoryRun *self)
{
    return &g_array_index(self->host->log, MemoryLogEntry, self->log_index);
}

/* The machine's I/O that will be reported at `event_us` as `outcome`. */
static void run_report(MemoryRun *self, uint64_t event_us, IoOutcome outcome, int io_errno)
{
    self->event_us = event_us;
    self->input.io = outcome;
    self->input.io_errno = outcome == IO_FAILED ? io_errno : 0;
}

static bool run_adopt(MemoryRun *self)
{
    MemoryHost *host = self->host;
    const MachineStep *step = &self->step;
    for (unsigned i = 0; i < host->overdue->len; i++) {
        OverdueRead *it = &g_array_index(host->overdue, OverdueRead, i);
        if (it->target != step->target || it->offset != step->offset ||
            it->length != step->length || it->end_us <= host->now_us)
            continue;
        uint64_t timeout_at = time_add(host->now_us, step->timeout_us);
        run_log(self)->started_us = self->input.io_started_us = it->started_us;
        run_log(self)->submitted = run_log(self)->adopted = true;
        if (it->end_us > timeout_at) {
            run_report(self, timeout_at, IO_TIMED_OUT, 0);
            return true;
        }
        run_report(self, it->end_us, it->outcome, it->io_errno);
        self->sampled = g_steal_pointer(&it->sampled);
        g_array_remove_index(host->overdue, i);
        return true;
    }
    return false;
}

static void run_issue_read(MemoryRun *self, const MemoryIo *io)
{
    MemoryHost *host = self->host;
    const MachineStep *step = &self->step;
    MemoryDisk *disk = host->disks[step->target];

    if (step->adopt_overdue && run_adopt(self))
        return;

    uint64_t start = time_add(host->now_us, io->held_up_us);
    uint64_t end = time_add(start, io->latency_us);
    uint64_t timeout_at = time_add(start, step->timeout_us);
    bool beyond = step->offset > disk->size || step->length > disk->size - step->offset;
    IoOutcome outcome = io->outcome == IO_OK && beyond ? IO_SHORT : io->outcome;
    uint8_t *sampled = NULL;
    self->torn_at = MIN(io->torn_at, step->length);
    self->torn_late = io->sample_at_start;
    if ((io->sample_at_start || io->torn_at > 0) && !beyond)
        sampled = g_memdup2(disk->bytes + step->offset, step->length);

    run_log(self)->started_us = self->input.io_started_us = start;
    run_log(self)->submitted = true;
    if (end <= timeout_at) {
        self->sampled = sampled;
        run_report(self, end, outcome, io->io_errno);
        return;
    }
    OverdueRead overdue = { .target = step->target,
                            .offset = step->offset,
                            .length = step->length,
                            .started_us = start,
                            .end_us = end,
                            .outcome = outcome,
                            .io_errno = io->io_errno,
                            .sampled = sampled };
    g_array_append_val(host->overdue, overdue);
    run_report(self, timeout_at, IO_TIMED_OUT, 0);
}

static void run_issue_write(MemoryRun *self, const MemoryIo *io)
{
    MemoryHost *host = self->host;
    const MachineStep *step = &self->step;
    MemoryDisk *disk = host->disks[step->target];

    uint64_t asked = time_add(host->now_us, io->held_up_us);
    uint64_t start = MAX(asked, fence_free_at(host, step));
    uint64_t timeout_at = time_add(asked, step->timeout_us);
    run_log(self)->data = g_memdup2(step->data, step->length);
    run_log(self)->started_us = self->input.io_started_us = asked;
    if (start > step->start_by_us && step->start_by_us < timeout_at) {
        run_report(self, MAX(asked, step->start_by_us), IO_TOO_LATE, 0);
        return;
    }
    if (start >= timeout_at) {
        run_report(self, timeout_at, IO_TIMED_OUT, 0);
        return;
    }

    run_log(self)->started_us = self->input.io_started_us = start;
    run_log(self)->submitted = true;
    uint64_t end = time_add(start, io->latency_us);
    bool beyond = step->offset > disk->size || step->length > disk->size - step->offset;
    InFlight in_flight = { disk, step->offset, step->length, end };
    g_array_append_val(host->in_flight, in_flight);
    if (beyond) {
        run_report(self, MIN(end, timeout_at), IO_SHORT, 0);
        return;
    }
    if (io->land_us != MEMORY_LAND_AT_END)
        land_at(host, disk, step, time_add(start, io->land_us));
    if (end > timeout_at) {
        if (io->land_us == MEMORY_LAND_AT_END)
            land_at(host, disk, step, end);
        run_report(self, timeout_at, IO_TIMED_OUT, 0);
        return;
    }
    self->land_at_end = io->land_us == MEMORY_LAND_AT_END;
    run_report(self, end, io->outcome, io->io_errno);
}

static void run_check_io(const MachineStep *step)
{
    g_assert_cmpuint(step->length, >, 0);
    g_assert_cmpuint(step->length % 512, ==, 0);
    g_assert_cmpuint(step->offset % 512, ==, 0);
    g_assert_cmpuint(step->timeout_us, >, 0);
    if (step->kind == STEP_READ)
        return;
    /* One sector, or an area that is initialised. */
    g_assert_true(step->length == 512 || step->length == 4096 ||
                  step->length == step->fence_length);
    g_assert_nonnull(step->data);
    g_assert_cmpuint(step->fence_offset, <=, step->offset);
    g_assert_cmpuint(step->fence_offset + step->fence_length, >=, step->offset + step->length);
}

static void run_issue_io(MemoryRun *self)
{
    MemoryHost *host = self->host;
    const MachineStep *step = &self->step;

    run_check_io(step);
    MemoryLogEntry entry = { .number = ++host->io_count,
                             .kind = step->kind,
                             .target = step->target,
                             .offset = step->offset,
                             .length = step->length,
                             .asked_us = host->now_us,
                             .timeout_us = step->timeout_us };
    g_array_append_val(host->log, entry);
    self->log_index = host->log->len - 1;

    const MemoryIo *io = g_hash_table_lookup(host->plan, GUINT_TO_POINTER(host->io_count));
    if (io == NULL)
        io = &host->other;
    if (step->kind == STEP_READ)
        run_issue_read(self, io);
    else
        run_issue_write(self, io);
    if (self->land_at_end)
        self->write_data = g_memdup2(step->data, step->length);
}

/* Carries out what the machine answered. */
static void run_issue(MemoryRun *self)
{
    self->input = (MachineInput){ 0 };
    self->land_at_end = false;
    switch (self->step.kind) {
    case STEP_READ:
    case STEP_WRITE:
        run_issue_io(self);
        return;
    case STEP_WAIT:
        g_assert_cmpuint(self->step.until_us, !=, TIME_NEVER);
        self->event_us = MAX(self->step.until_us, self->host->now_us);
        return;
    case STEP_LOOK:
        self->event_us = self->host->now_us;
        return;
    case STEP_DONE:
    case STEP_FAILED:
        self->ended = true;
        return;
    }
    g_assert_not_reached();
}

/* Runs: answering */

static void run_resume(MemoryRun *self)
{
    MemoryHost *host = self->host;
    self->input.now_us = host->now_us;
    self->input.random = next_random(host);
    self->input.stop = host->now_us >= self->stop_at_us;
    self->input.valid_until_us = host->valid_until_us;
    if (host->read_hook != NULL && self->step.kind == STEP_READ && self->input.io == IO_OK &&
        self->input.data != NULL)
        host->read_hook(&self->step, &self->input, host->read_hook_data);
    self->step = self->resume(self->machine, &self->input);
    g_clear_pointer(&self->sampled, g_free);
    run_issue(self);
}

void memory_run_start(MemoryRun *self, MemoryHost *host, void *machine, MachineResume resume,
                      uint64_t stop_at_us)
{
    *self = (MemoryRun){ .host = host,
                         .machine = machine,
                         .resume = resume,
                         .stop_at_us = stop_at_us,
                         .step = { .kind = STEP_WAIT } };
    g_assert_cmpuint(host->now_us, >, 0);
    run_resume(self);
}

static void run_end_io(MemoryRun *self)
{
    MemoryHost *host = self->host;
    MemoryDisk *disk = host->disks[self->step.target];
    MemoryLogEntry *entry = run_log(self);

    entry->ended_us = host->now_us;
    entry->outcome = self->input.io;
    if (self->land_at_end)
        memcpy(disk->bytes + self->step.offset, self->write_data, self->step.length);
    g_clear_pointer(&self->write_data, g_free);
    if (self->step.kind == STEP_READ && self->input.io == IO_OK) {
        const uint8_t *now = disk->bytes + self->step.offset;
        if (self->sampled != NULL && self->torn_at > 0) {
            uint32_t from = self->torn_late ? 0 : self->torn_at;
            uint32_t to = self->torn_late ? self->torn_at : self->step.length;
            memcpy(self->sampled + from, now + from, to - from);
        } else if (self->sampled == NULL && !host->share_reads) {
            self->sampled = g_memdup2(now, self->step.length);
        }
        self->input.data = self->sampled != NULL ? self->sampled : now;
    }
}

bool memory_run_step(MemoryRun *self)
{
    MemoryHost *host = self->host;
    g_assert_false(self->ended);

    uint64_t event_us = self->event_us;
    if (self->step.kind == STEP_WAIT)
        event_us = MIN(event_us, self->stop_at_us);
    uint64_t now_us = MAX(event_us, host->now_us);
    for (unsigned i = 0; i < 2; i++) {
        if (host->disks[i] != NULL)
            now_us = MAX(now_us, host->disks[i]->now_us);
    }
    g_assert_cmpuint(now_us, <, TIME_NEVER - 1);
    host->now_us = now_us;
    for (unsigned i = 0; i < 2; i++) {
        if (host->disks[i] != NULL)
            memory_disk_advance(host->disks[i], now_us);
    }

    if (self->step.kind == STEP_READ || self->step.kind == STEP_WRITE)
        run_end_io(self);
    else if (self->step.kind == STEP_LOOK && host->look != NULL)
        self->input.host = host->look(self->step.host_id, host->look_data);
    else if (self->step.kind == STEP_LOOK)
        self->input.host = (HostView){ .host_id = self->step.host_id };
    run_resume(self);
    return !self->ended;
}

void memory_run_abandon(MemoryRun *self)
{
    g_clear_pointer(&self->sampled, g_free);
    g_clear_pointer(&self->write_data, g_free);
    self->ended = true;
}

void memory_runs_finish(MemoryRun *runs[], unsigned n_runs)
{
    for (;;) {
        MemoryRun *first = NULL;
        uint64_t first_us = TIME_NEVER;
        for (unsigned i = 0; i < n_runs; i++) {
            uint64_t at =
                runs[i]->step.kind == STEP_WAIT
                    ? MIN(runs[i]->event_us, MAX(runs[i]->stop_at_us, runs[i]->host->now_us))
                    : runs[i]->event_us;
            if (!runs[i]->ended && (first == NULL || at < first_us)) {
                first = runs[i];
                first_us = at;
            }
        }
        if (first == NULL)
            return;
        memory_run_step(first);
    }
}

MachineStep memory_host_run_until(MemoryHost *self, void *machine, MachineResume resume,
                                  uint64_t stop_at_us)
{
    MemoryRun run;
    memory_run_start(&run, self, machine, resume, stop_at_us);
    for (unsigned steps = 0; !run.ended; steps++) {
        g_assert_cmpuint(steps, <, 100000); /* a machine that never ends */
        memory_run_step(&run);
    }
    return run.step;
}

MachineStep memory_host_run(MemoryHost *self, void *machine, MachineResume resume)
{
    return memory_host_run_until(self, machine, resume, TIME_NEVER);
}
