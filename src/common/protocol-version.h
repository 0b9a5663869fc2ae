/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The version of the D-Bus interfaces. It grows when a client that was written for the one before
 * would go wrong: a member is removed, or means something else. What is added does not count.
 */
#pragma once

#define BAILIFF_PROTOCOL_VERSION 1u
