/*
 * imc_pace.c - how much shared memory MESSAGEs may take, and how fast they go
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/cfg/cfg.h"
#include "core/cfg_core.h"
#include "core/dprint.h"
#include "core/globals.h"
#include "core/hashes.h"
#include "core/mem/shm_mem.h"
#include "modules/tm/h_table.h"

#include "imc_engine.h"
#include "imc_pace.h"
#include "imc_params.h"
#include "imc_shared.h"

/* What tm takes for a MESSAGE beside its cell, and beside what is in the
 * record: Via, Call-ID and the other headers it writes, the dialog's tags, the
 * callback, and what the allocator adds to each piece. */
#define IMC_COST_REST 2048

/* What a parsed copy of the MESSAGE takes more than its bytes. */
#define IMC_COST_PARSED 4096

/* How many MESSAGEs go out between two looks at shared memory, and how many
 * bytes of it they may take. */
#define IMC_STEP_COUNT 8
#define IMC_STEP_BYTES (128 * 1024)

/* How much of the reserve direct sends may use that queued ones may not, and
 * how much of it MESSAGEs may hold when others have used the rest: a quarter. */
#define IMC_QUARTER 4

/* Rooms are told apart by the hash of their name; slot 0 is for MESSAGEs that
 * belong to none. */
#define IMC_SLOTS 4096

/* A ticket is the slot, the cost in units, and whether the answer has come. */
#define IMC_TICKET_UNIT 64
#define IMC_TICKET_DONE 1
#define IMC_TICKET_SLOT(t) ((t).bits >> 1 & (IMC_SLOTS - 1))
#define IMC_TICKET_COST(t) ((long)((t).bits >> 13) * IMC_TICKET_UNIT)

/* How long the engine process lets others free shared memory before it tries
 * again: when it waits for the reserve, and when tm had no memory at all, which
 * tm logs each time. */
#define IMC_WAIT_US 2000
#define IMC_EXHAUSTED_US 20000

/* After how long without a MESSAGE sent the log is told that the queue waits,
 * and how often again. */
#define IMC_STUCK_S 10
#define IMC_STUCK_AGAIN_S 60

/* How many MESSAGEs may be unanswered when the next batch goes out, and how
 * often and how long the sender waits for that. */
#define IMC_OPEN_FEW 64
#define IMC_OPEN_WAITS 20
#define IMC_OPEN_WAIT_US 250

/* Bytes that the unanswered MESSAGEs of each room hold, in shared memory. */
static long *imc_rooms_open = NULL;

int imc_pace_init(void)
{
	imc_rooms_open = shm_malloc(IMC_SLOTS * sizeof(*imc_rooms_open));
	if(imc_rooms_open == NULL) {
		SHM_MEM_ERROR;
		return -1;
	}
	memset(imc_rooms_open, 0, IMC_SLOTS * sizeof(*imc_rooms_open));
	return 0;
}

static long imc_shm_free(void)
{
	/* the allocators' figure underflows when memory is exhausted */
	return (long)shm_available();
}

static long imc_shm_reserve(void)
{
	return (long)(shm_mem_size / 100 * imc_params.shm_reserve);
}

/* Bytes of shared memory that MESSAGEs hold, answered or not. */
static long imc_held(void)
{
	return (long)imc_counter_sum(IMC_C_HELD);
}

/* MESSAGEs that tm has and that have no final result yet. The rows are not
 * read at one time, so it may be off by what happens meanwhile. */
long imc_open(void)
{
	return (long)(imc_counter_sum(IMC_C_SENT)
				  - imc_counter_sum(IMC_C_COMPLETED));
}

/* Bytes of shared memory that tm takes for one MESSAGE: its cell, the request
 * as it is sent, and with DNS failover a parsed copy of it. */
static long imc_cost(const imc_message_t *m, const str *hdrs)
{
	long request = m->body.len + hdrs->len + 2 * m->from.len;
	long cost = (long)sizeof(struct cell)
				+ (long)(sr_dst_max_branches * sizeof(struct ua_client))
				+ IMC_COST_REST + request;

	if(cfg_get(core, core_cfg, use_dns_failover))
		cost += request + IMC_COST_REST + IMC_COST_PARSED;
	return cost;
}

static imc_ticket_t imc_new_ticket(const imc_message_t *m, long cost)
{
	uintptr_t units =
			(uintptr_t)((cost + IMC_TICKET_UNIT - 1) / IMC_TICKET_UNIT);
	uintptr_t slot = 0;
	imc_ticket_t ticket;

	if(m->room.len > 0)
		slot = 1 + get_hash1_raw(m->room.s, m->room.len) % (IMC_SLOTS - 1);
	ticket.bits = units << 13 | slot << 1;
	return ticket;
}

void imc_pace_begin(imc_pace_t *pace, const imc_message_t *m, const str *hdrs)
{
	long cost = imc_cost(m, hdrs);

	pace->queued = m->id != 0;
	pace->ticket = imc_new_ticket(m, cost);
	pace->step = IMC_STEP_BYTES / cost;
	if(pace->step > IMC_STEP_COUNT)
		pace->step = IMC_STEP_COUNT;
	if(pace->step < 1)
		pace->step = 1;
	pace->left = 0;
}

/* Reports whether a room's unanswered MESSAGEs, with more bytes, take more than
 * half of what all together may. */
static int imc_room_has_its_share(imc_ticket_t ticket, long more)
{
	uintptr_t slot = IMC_TICKET_SLOT(ticket);
	long open;

	if(slot == 0)
		return 0;
	open = __atomic_load_n(&imc_rooms_open[slot], __ATOMIC_RELAXED);
	return open > 0
		   && open + more > ((long)shm_mem_size - imc_shm_reserve()) / 2;
}

/* Decides whether the next pace->step MESSAGEs may be sent. */
static imc_wait_t imc_look(const imc_pace_t *pace)
{
	long more = IMC_TICKET_COST(pace->ticket) * pace->step;
	long reserve = imc_shm_reserve();
	long least = pace->queued ? reserve : reserve - reserve / IMC_QUARTER;
	long held;

	if(imc_room_has_its_share(pace->ticket, more))
		return IMC_WAIT_TURN;
	if(imc_shm_free() - more >= least)
		return IMC_GO;
	/* it is not to wait for ever if it is others that use the memory */
	held = imc_held();
	if(held <= 0 || held + more <= reserve / IMC_QUARTER)
		return IMC_GO;
	return IMC_WAIT_MEMORY;
}

imc_wait_t imc_pace_next(imc_pace_t *pace, imc_budget_t *budget)
{
	long cost = IMC_TICKET_COST(pace->ticket);
	imc_wait_t wait;

	if(!pace->queued) {
		if(budget->wait == IMC_GO && budget->bytes < cost && !budget->untouched)
			budget->wait = IMC_WAIT_TURN;
		if(budget->wait != IMC_GO)
			return budget->wait;
	}
	if(pace->left == 0) {
		wait = imc_look(pace);
		if(wait != IMC_GO) {
			if(!pace->queued)
				budget->wait = wait;
			return wait;
		}
		pace->left = pace->step;
	}
	pace->left--;
	if(!pace->queued) {
		budget->bytes -= cost;
		budget->untouched = 0;
	}
	return IMC_GO;
}

void imc_budget_begin(imc_budget_t *budget)
{
	int n = imc_params.fanout_inline;

	if(n < IMC_INLINE_LEAST)
		n = IMC_INLINE_LEAST;
	budget->bytes = (long)n * IMC_INLINE_EACH;
	budget->wait = IMC_GO;
	budget->untouched = 1;
}

int imc_shm_low(const imc_pace_t *pace)
{
	return imc_shm_free() - 2 * IMC_TICKET_COST(pace->ticket)
		   < imc_shm_reserve();
}

int imc_shm_refused(const imc_pace_t *pace)
{
	long cost = IMC_TICKET_COST(pace->ticket);
	void *cell, *rest;

	if(!imc_shm_low(pace))
		return 0; /* the usual case costs no attempt */
	cell = shm_malloc(sizeof(struct cell)
					  + sr_dst_max_branches * sizeof(struct ua_client));
	rest = shm_malloc(cost);
	if(cell != NULL)
		shm_free(cell);
	if(rest != NULL)
		shm_free(rest);
	return cell == NULL || rest == NULL;
}

void imc_pace_taken(imc_ticket_t ticket)
{
	long cost = IMC_TICKET_COST(ticket);

	imc_counter_add(IMC_C_HELD, cost);
	__atomic_fetch_add(
			&imc_rooms_open[IMC_TICKET_SLOT(ticket)], cost, __ATOMIC_RELAXED);
}

imc_ticket_t imc_pace_answered(imc_ticket_t ticket)
{
	if(!(ticket.bits & IMC_TICKET_DONE))
		__atomic_fetch_sub(&imc_rooms_open[IMC_TICKET_SLOT(ticket)],
				IMC_TICKET_COST(ticket), __ATOMIC_RELAXED);
	ticket.bits |= IMC_TICKET_DONE;
	return ticket;
}

void imc_pace_freed(imc_ticket_t ticket)
{
	imc_pace_answered(ticket);
	imc_counter_add(IMC_C_HELD, (uint64_t)-IMC_TICKET_COST(ticket));
}

void imc_pace_start(void)
{
	long left = imc_shm_free(), reserve = imc_shm_reserve();

	if(left < reserve)
		LM_WARN("%ld KB of shared memory are free, less than the %ld KB of"
				" parameter shm_reserve (%d %%): MESSAGEs go out slowly; start"
				" Kamailio with more (-m), or set shm_reserve lower\n",
				left / 1024, reserve / 1024, imc_params.shm_reserve);
}

static long imc_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

void imc_pace_rest(imc_rest_t *rest, const imc_progress_t *ran)
{
	long now = imc_seconds();

	if(ran->sent || !ran->memory || rest->since == 0)
		rest->since = now;
	if(!ran->wait)
		return;
	if(now - rest->since >= IMC_STUCK_S
			&& (rest->told == 0 || now - rest->told >= IMC_STUCK_AGAIN_S)) {
		rest->told = now;
		LM_WARN("%llu MESSAGEs have been waiting for shared memory for %ld s:"
				" %ld KB are free, the reserve is %ld KB, and %ld MESSAGEs that"
				" are not answered or were answered lately hold %ld KB\n",
				(unsigned long long)imc_counter_sum(IMC_C_QUEUED),
				now - rest->since, imc_shm_free() / 1024,
				imc_shm_reserve() / 1024, imc_open(), imc_held() / 1024);
	}
	usleep(ran->exhausted ? IMC_EXHAUSTED_US : IMC_WAIT_US);
}

void imc_wait_for_answers(imc_rest_t *rest)
{
	long open = imc_open();
	int i;

	for(i = 0; i < IMC_OPEN_WAITS && open - rest->silent >= IMC_OPEN_FEW; i++) {
		usleep(IMC_OPEN_WAIT_US);
		open = imc_open();
	}
	if(i == IMC_OPEN_WAITS || open < rest->silent)
		rest->silent = open > 0 ? open : 0;
}
