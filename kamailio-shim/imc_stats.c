/*
 * imc_stats.c - statistics of the group imc
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "core/counters.h"
#include "core/dprint.h"

#include "imc_engine.h"
#include "imc_shared.h"
#include "imc_stats.h"

/* A statistic that is the sum of a counter over all processes. */
#define IMC_STAT(name, counter)                           \
	static counter_val_t imc_stat_##name(void)            \
	{                                                     \
		return (counter_val_t)imc_counter_sum((counter)); \
	}

IMC_STAT(active_rooms, IMC_C_ROOMS)
IMC_STAT(members, IMC_C_MEMBERS)
IMC_STAT(texts, IMC_C_TEXTS)
IMC_STAT(commands, IMC_C_COMMANDS)
IMC_STAT(refused, IMC_C_REFUSED)
IMC_STAT(sent, IMC_C_SENT)
IMC_STAT(queued, IMC_C_QUEUED)
IMC_STAT(retried, IMC_C_RETRIED)
IMC_STAT(dropped, IMC_C_DROPPED)
IMC_STAT(send_failed, IMC_C_SEND_FAILED)
IMC_STAT(undelivered, IMC_C_UNDELIVERED)
IMC_STAT(typing, IMC_C_TYPING)
IMC_STAT(receipts, IMC_C_RECEIPTS)
IMC_STAT(looped, IMC_C_LOOPED)
IMC_STAT(held, IMC_C_HELD)

/* the versions of clang-format disagree about this */
/* clang-format off */
#define IMC_STAT_ENTRY(name) \
	{#name, STAT_IS_FUNC, (stat_var **)imc_stat_##name}
/* clang-format on */

static stat_export_t imc_stats[] = {
		IMC_STAT_ENTRY(active_rooms),
		IMC_STAT_ENTRY(members),
		IMC_STAT_ENTRY(texts),
		IMC_STAT_ENTRY(commands),
		IMC_STAT_ENTRY(refused),
		IMC_STAT_ENTRY(sent),
		IMC_STAT_ENTRY(queued),
		IMC_STAT_ENTRY(retried),
		IMC_STAT_ENTRY(dropped),
		IMC_STAT_ENTRY(send_failed),
		IMC_STAT_ENTRY(undelivered),
		IMC_STAT_ENTRY(typing),
		IMC_STAT_ENTRY(receipts),
		IMC_STAT_ENTRY(looped),
		IMC_STAT_ENTRY(held),
		{0, 0, 0},
};

int imc_stats_init(void)
{
	if(register_module_stats("imc", imc_stats) != 0) {
		LM_ERR("cannot register the statistics\n");
		return -1;
	}
	return 0;
}
