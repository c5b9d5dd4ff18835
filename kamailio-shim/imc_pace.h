/*
 * imc_pace.h - how much shared memory MESSAGEs may take, and how fast they go
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_PACE_H
#define IMC_PACE_H

#include <stdint.h>

#include "core/str.h"

#include "imc_records.h"

/* What a worker sends for one request by itself takes as much shared memory as
 * fanout_inline MESSAGEs of this size, their transactions included, and at
 * least as that many. */
#define IMC_INLINE_EACH (16 * 1024)
#define IMC_INLINE_LEAST 64

/* What the next MESSAGE has to wait for. */
typedef enum imc_wait
{
	IMC_GO = 0,
	IMC_WAIT_TURN,	/* its request, or its room, has had its share for now */
	IMC_WAIT_MEMORY /* shared memory would be under its reserve */
} imc_wait_t;

/* What a MESSAGE holds of shared memory, and for which room. It fits into the
 * parameter of tm's callbacks, so nothing has to be allocated or freed. */
typedef struct imc_ticket
{
	uintptr_t bits; /* as imc_pace.c packs them */
} imc_ticket_t;

/* Returns a ticket as the parameter of a callback. */
static inline void *imc_ticket_param(imc_ticket_t ticket)
{
	return (void *)ticket.bits;
}

/* Returns the ticket that the parameter of a callback is. */
static inline imc_ticket_t imc_param_ticket(const void *param)
{
	imc_ticket_t ticket = {(uintptr_t)param};
	return ticket;
}

/* How the recipients of one MESSAGE record are sent to. */
typedef struct imc_pace
{
	int queued;			 /* it comes from the queue */
	int step;			 /* MESSAGEs between two looks at shared memory */
	int left;			 /* of these, before the next look */
	imc_ticket_t ticket; /* of each of its MESSAGEs */
} imc_pace_t;

/* What is left to be sent directly for one request. Once something has to wait
 * all that follows does, so that the order stays. */
typedef struct imc_budget
{
	long bytes;
	int untouched; /* nothing was sent yet: one MESSAGE is, whatever its size */
	imc_wait_t wait;
} imc_budget_t;

/* What came of sending. */
typedef struct imc_progress
{
	int sent;	   /* a MESSAGE was sent */
	int wait;	   /* a MESSAGE has to wait, it is queued again */
	int memory;	   /* ... for shared memory */
	int exhausted; /* ... since tm had none */
} imc_progress_t;

/* Makes the table of what each room holds, before anything is forked. */
int imc_pace_init(void);

/* Begins with a reply of which nothing is sent yet. */
void imc_budget_begin(imc_budget_t *budget);

/* Begins a MESSAGE record that goes out with these headers. */
void imc_pace_begin(imc_pace_t *pace, const imc_message_t *m, const str *hdrs);

/* Decides whether the next MESSAGE may be sent, and counts it. */
imc_wait_t imc_pace_next(imc_pace_t *pace, imc_budget_t *budget);

/* Reports whether shared memory is so low that tm may have had none. */
int imc_shm_low(const imc_pace_t *pace);

/* Reports whether tm can have refused a MESSAGE for want of memory: it does
 * not say so in all cases. */
int imc_shm_refused(const imc_pace_t *pace);

/* Counts what a MESSAGE holds once tm has taken it. */
void imc_pace_taken(imc_ticket_t ticket);

/* Its final result has come, which counts once. Returns the ticket to keep. */
imc_ticket_t imc_pace_answered(imc_ticket_t ticket);

/* tm has freed it. */
void imc_pace_freed(imc_ticket_t ticket);

/* Says at the start if there is too little shared memory; in the engine. */
void imc_pace_start(void);

/* What the engine process remembers from one batch of the queue to the next;
 * zeros at first. Times are in seconds since the start of the system. */
typedef struct imc_rest
{
	long since;	 /* when something was sent, or nothing waited, last */
	long told;	 /* when the log was told last */
	long silent; /* MESSAGEs unanswered for so long that it waits no more */
} imc_rest_t;

/* After each batch of the queue: lets others free memory if MESSAGEs have to
 * wait for it, and tells the log if they wait for long. */
void imc_pace_rest(imc_rest_t *rest, const imc_progress_t *ran);

/* MESSAGEs that tm has and that have no final result yet, about. */
long imc_open(void);

/* Waits, for 5 ms at most, until few MESSAGEs are unanswered. The answers to a
 * big fan-out, sent as fast as tm goes, would fill the workers' socket, and
 * everyone else's requests would stand behind them or be lost. What is still
 * unanswered then is taken for members that are slow or never answer, and not
 * waited for again. */
void imc_wait_for_answers(imc_rest_t *rest);

#endif
