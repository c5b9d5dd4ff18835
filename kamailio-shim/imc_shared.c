/*
 * imc_shared.c - what all processes share: versions of rooms, and counters
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <string.h>

#include "core/dprint.h"
#include "core/mem/shm_mem.h"
#include "core/pt.h"

#include "imc_shared.h"

/* Two processes must not write to one line of the processor's cache. */
#define IMC_CACHE_LINE 64

/* In shared memory, made before fork. */
typedef struct imc_shared
{
	uint64_t versions[IMC_VERSIONS];
	uint64_t counters[][IMC_COUNTERS]; /* a row per process */
} imc_shared_t;

static imc_shared_t *imc_shared = NULL;
static int imc_procs = 0; /* rows of counters */

int imc_shared_init(void)
{
	uintptr_t p;
	size_t size;

	imc_procs = get_max_procs();
	size = sizeof(*imc_shared) + imc_procs * sizeof(imc_shared->counters[0]);
	p = (uintptr_t)shm_malloc(size + IMC_CACHE_LINE - 1);
	if(p == 0) {
		SHM_MEM_ERROR;
		return -1;
	}
	p = (p + IMC_CACHE_LINE - 1) & ~(uintptr_t)(IMC_CACHE_LINE - 1);
	imc_shared = (imc_shared_t *)p;
	memset(imc_shared, 0, size);
	return 0;
}

uint64_t *imc_versions(void)
{
	return imc_shared->versions;
}

uint64_t *imc_counters(void)
{
	return imc_shared->counters[process_no];
}

void imc_counter_add(enum imc_counter c, uint64_t n)
{
	__atomic_fetch_add(
			&imc_shared->counters[process_no][c], n, __ATOMIC_RELAXED);
}

uint64_t imc_counter_sum(enum imc_counter c)
{
	uint64_t sum = 0;
	int i;

	if(imc_shared == NULL)
		return 0;
	for(i = 0; i < imc_procs; i++)
		sum += __atomic_load_n(&imc_shared->counters[i][c], __ATOMIC_RELAXED);
	return sum;
}
