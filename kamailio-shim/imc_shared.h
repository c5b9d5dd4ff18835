/*
 * imc_shared.h - what all processes share: versions of rooms, and counters
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_SHARED_H
#define IMC_SHARED_H

#include <stdint.h>

#include "imc_engine.h"

/* How many versions there are; see docs/architecture.md. */
#define IMC_VERSIONS 65536

/* Makes them, in shared memory, before anything is forked. Returns -1 if there
 * is no memory (logged). */
int imc_shared_init(void);

/* Returns the versions, IMC_VERSIONS of them. */
uint64_t *imc_versions(void);

/* Returns the counters of this process, IMC_COUNTERS of them. */
uint64_t *imc_counters(void);

/* Adds to a counter of this process. */
void imc_counter_add(enum imc_counter c, uint64_t n);

/* Sum of a counter over all processes. */
uint64_t imc_counter_sum(enum imc_counter c);

#endif
