/*
 * imc_send.h - sends the recipients of a MESSAGE record what is in it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_SEND_H
#define IMC_SEND_H

#include <stdint.h>

#include "imc_engine.h"
#include "imc_pace.h"
#include "imc_records.h"

/* The longest header part of a MESSAGE: what never changes, and what one
 * record can hold. */
#define IMC_HDRS_MAX (IMC_HDRS_FIXED_MAX + IMC_RECORD_MAX)
#define IMC_HDRS_FIXED_MAX 2048

/* What became of the recipients of a MESSAGE record. */
typedef struct imc_sent
{
	uint32_t tried;	 /* recipients that are done with: sent or refused */
	uint32_t ok;	 /* of these, MESSAGEs that tm has */
	int refused;	 /* tm refused at least one, not for want of memory */
	int exhausted;	 /* tm had no memory for the next one */
	imc_wait_t wait; /* what the next one has to wait for */
} imc_sent_t;

/* Finds tm and builds the part of the headers that never changes; in mod_init.
 * Returns -1 if tm is not loaded (logged). */
int imc_send_init(void);

/* Sends a MESSAGE record to its recipients, in order, until one has to wait:
 * within the budget if it is not queued. Its headers are built in buf, which
 * has IMC_HDRS_MAX bytes: a route that tm runs for a MESSAGE may come here
 * again, with another buf. */
imc_sent_t imc_send_all(
		const imc_message_t *m, imc_budget_t *budget, char *buf);

#endif
