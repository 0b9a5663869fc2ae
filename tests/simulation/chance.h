/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random numbers of one simulation: the same on every machine and with every GLib, since a seed is
 * all that a report of a violation has to name. The generator is SplitMix64.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct Chance {
    uint64_t state;
} Chance;

static inline uint64_t chance_bits(Chance *self)
{
    uint64_t z = self->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* 0 <= result < 1. */
static inline double chance_unit(Chance *self)
{
    return (double)(chance_bits(self) >> 11) * 0x1p-53;
}

static inline bool chance_hits(Chance *self, double probability)
{
    return chance_unit(self) < probability;
}

/* low <= result < high, or low when there is nothing between. */
static inline uint64_t chance_between(Chance *self, uint64_t low, uint64_t high)
{
    return high <= low ? low : low + (uint64_t)(chance_unit(self) * (double)(high - low));
}

/* The same, but every order of magnitude is as likely as any other; low > 0. */
uint64_t chance_magnitude(Chance *self, uint64_t low, uint64_t high);
