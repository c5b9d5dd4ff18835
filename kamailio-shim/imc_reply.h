/*
 * imc_reply.h - does what the engine library answers, and tells it what came of
 * that
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_REPLY_H
#define IMC_REPLY_H

#include "imc_engine.h"
#include "imc_pace.h"
#include "imc_records.h"

/* What came of walking a reply. */
typedef struct imc_ran
{
	int code; /* not 0: replaces the reply's code */
	imc_progress_t progress;
} imc_ran_t;

/* Returns the buffer for the next reply in this process, NULL if there is
 * none. A reply that is not walked yet is overwritten. */
imc_reply_t *imc_reply_buf(void);

/* Walks the records of a reply and of those that follow it (reply.more):
 * logs, sends MESSAGEs and reports what became of them. */
imc_ran_t imc_run_reply(const imc_engine_t *engine, imc_reply_t *reply);

/* Writes a LOG record to Kamailio's log. */
void imc_log_record(const imc_record_t *rec);

/* Hands an event to the engine and does what it answers. Returns the code of
 * the answer, 0 if there is none. */
int imc_report(const imc_engine_t *engine, const imc_event_t *ev);

/* Tells the engine in this process of all invitations that failed. */
void imc_report_failed(const imc_engine_t *engine);

#endif
