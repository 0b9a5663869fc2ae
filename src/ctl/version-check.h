/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl and bailiffd of different versions: after an upgrade the running daemon is the former
 * one for a while.
 */
#pragma once

#include "bailiff-bus-generated.h"

/* Says on standard error, in one line, when bailiffd is of another version, or speaks a protocol
 * that this program does not know. Nothing is refused for it. */
void version_check(BailiffBusManager *manager);
