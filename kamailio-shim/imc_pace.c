/*
 * imc_pace.c - how fast the engine process may send what it has queued
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <unistd.h>

#include "core/mem/shm_mem.h"

#include "imc_mod.h"

/* What the MESSAGEs up to the next look at shared memory take at most. */
#define IMC_SHM_STEP (IMC_SHM_CHECK * 16 * 1024)

/* How many MESSAGEs may be unanswered when the next batch goes out, and how
 * often and how long the sender waits for that. */
#define IMC_OPEN_FEW 64
#define IMC_OPEN_WAITS 20
#define IMC_OPEN_WAIT_US 250

int imc_shm_is_short(void)
{
	/* the allocators' figure underflows when memory is exhausted */
	long left = (long)shm_available();
	long reserve = (long)(shm_mem_size / 100 * imc_params.shm_reserve);

	return left < reserve + IMC_SHM_STEP;
}

/* MESSAGEs that tm has and that have no final result yet. The rows are not
 * read at one time, so it may be off by what happens meanwhile. */
static long imc_open(void)
{
	return (long)(imc_counter_sum(IMC_C_SENT)
				  - imc_counter_sum(IMC_C_COMPLETED));
}

void imc_wait_for_answers(void)
{
	static long silent = 0; /* unanswered for so long that it waits no more */
	long open = imc_open();
	int i;

	for(i = 0; i < IMC_OPEN_WAITS && open - silent >= IMC_OPEN_FEW; i++) {
		usleep(IMC_OPEN_WAIT_US);
		open = imc_open();
	}
	if(i == IMC_OPEN_WAITS || open < silent)
		silent = open > 0 ? open : 0;
}
