/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all fuzz targets share. A target is one file fuzz-NAME.c: it takes bytes that may be
 * anything, gives them to one parser of foreign bytes, and asserts what must be true whatever they
 * are. Linked with libFuzzer (`./run fuzz`) it is searched for input that breaks it; linked with
 * replay.c it runs the kept inputs of inputs/NAME as a plain test.
 *
 * Assertions are g_assert_*(): they end the program, which is what both take for a finding.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input, taken piece by piece from its start. */
typedef struct FuzzBytes {
    const uint8_t *at;
    size_t left;
} FuzzBytes;

/* Little endian, `n_bytes` up to 8; what is missing at the end of the input is 0, so that a short
 * input means the plain case. */
uint64_t fuzz_number(FuzzBytes *self, unsigned n_bytes);

/* All of it up to its first NUL, in memory of just that size: whoever reads on is caught. */
char *fuzz_text(const uint8_t *data, size_t size);

/* An error that people will read: of a domain, "cause\ncure", fit to cross the bus. */
void fuzz_assert_error(const GError *error);
