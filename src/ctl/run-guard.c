/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/run-guard.h"

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void run_guard_init(RunGuard *self, bool ignore, uint64_t fail_at_us, uint64_t now_us)
{
    *self = (RunGuard){
        .ignore = ignore,
        .daemon_present = true,
        .fail_at_us = fail_at_us,
        .answered_us = now_us,
        .next_ask_us = time_add(now_us, RUN_ASK_EVERY_US),
    };
}

void run_guard_daemon_left(RunGuard *self)
{
    self->daemon_present = false;
}

void run_guard_ask_now(RunGuard *self, uint64_t now_us)
{
    self->daemon_present = true;
    self->next_ask_us = now_us;
}

void run_guard_answered(RunGuard *self, bool ours, uint64_t fail_at_us, uint64_t asked_us)
{
    self->asking = false;
    if (!ours) {
        self->not_ours = true;
        return;
    }
    self->answered_us = later(self->answered_us, asked_us);
    self->fail_at_us = fail_at_us;
}

void run_guard_unanswered(RunGuard *self)
{
    self->asking = false;
}

/* From when on there has to be an end without another answer. */
static uint64_t silence_ends_us(const RunGuard *self)
{
    if (!self->daemon_present)
        return self->fail_at_us;
    return later(self->fail_at_us, time_add(self->answered_us, RUN_SILENCE_US));
}

/* The grace never reaches past that of the fail deadline, but there is always a moment of it. */
static void begin_to_stop(RunGuard *self, RunCause cause, uint64_t now_us)
{
    self->cause = cause;
    self->next_kill_us =
        earlier(time_add(now_us, RUN_GRACE_US), later(time_add(self->fail_at_us, RUN_GRACE_US),
                                                      time_add(now_us, RUN_KILL_EVERY_US)));
}

void run_guard_command_ended(RunGuard *self, uint64_t now_us)
{
    if (self->cause == RUN_CAUSE_NONE)
        begin_to_stop(self, RUN_CAUSE_COMMAND_ENDED, now_us);
}

static RunCause find_cause(const RunGuard *self, uint64_t now_us)
{
    if (self->not_ours)
        return RUN_CAUSE_NOT_OURS;
    if (now_us >= silence_ends_us(self))
        return RUN_CAUSE_SILENCE;
    return RUN_CAUSE_NONE;
}

static void give_order(RunGuard *self, RunGuardOutput *output, uint64_t now_us)
{
    if (!self->termed) {
        self->termed = true;
        output->order = RUN_ORDER_TERM;
        output->cause = self->cause;
    } else if (now_us >= self->next_kill_us) {
        self->next_kill_us = time_add(now_us, RUN_KILL_EVERY_US);
        output->order = RUN_ORDER_KILL;
        output->cause = self->cause;
    }
    output->next_us = earlier(output->next_us, self->next_kill_us);
}

RunGuardOutput run_guard_advance(RunGuard *self, uint64_t now_us)
{
    RunGuardOutput output = { .next_us = TIME_NEVER };
    if (self->daemon_present && !self->asking && now_us >= self->next_ask_us) {
        self->asking = true;
        self->next_ask_us = time_add(now_us, RUN_ASK_EVERY_US);
        output.ask = true;
    }
    if (self->daemon_present && !self->asking)
        output.next_us = self->next_ask_us;

    RunCause cause = find_cause(self, now_us);
    if (self->cause == RUN_CAUSE_NONE && cause != RUN_CAUSE_NONE) {
        if (!self->ignore) {
            begin_to_stop(self, cause, now_us);
        } else if (!self->warned) {
            self->warned = true;
            output.order = RUN_ORDER_WARN;
            output.cause = cause;
        }
    }
    if (self->cause != RUN_CAUSE_NONE)
        give_order(self, &output, now_us);
    else if (cause == RUN_CAUSE_NONE)
        output.next_us = earlier(output.next_us, silence_ends_us(self));
    return output;
}
