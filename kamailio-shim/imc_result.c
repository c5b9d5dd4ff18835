/*
 * imc_result.c - what became of the MESSAGEs that were handed to tm
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tm calls back in the process that has the response, or in its timer for all:
 * the callbacks write to shared memory and wait for nothing.
 */

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "core/dprint.h"
#include "core/locking.h"
#include "core/mem/shm_mem.h"
#include "core/timer.h"
#include "modules/tm/h_table.h"

#include "imc_engine.h"
#include "imc_pace.h"
#include "imc_result.h"
#include "imc_shared.h"

/* The header fields From and To of a transaction, as this tm calls them. */
#ifdef IMC_TM_HDR_NAMES
#define IMC_TM_FROM from_hdr
#define IMC_TM_TO to_hdr
#else
#define IMC_TM_FROM from
#define IMC_TM_TO to
#endif

/* How often what was not delivered is logged, in seconds. */
#define IMC_LOST_EVERY 60

/* Rooms that a report names, and codes that it tells apart for each. */
#define IMC_LOST_ROOMS 64
#define IMC_LOST_CODES 8
#define IMC_LOST_URI 128

/* How often the lock of the report is tried. It is held for an addition or a
 * copy only. */
#define IMC_LOST_TRIES 1000

/* How long it is remembered that a client refuses to be told who is typing, in
 * seconds, and of how many clients at most: of two that share a slot, the last
 * one is remembered. */
#define IMC_TYPING_TTL 3600
#define IMC_TYPING_SLOTS 4096

typedef struct imc_lost_room
{
	char uri[IMC_LOST_URI]; /* its first bytes */
	int uri_len;
	int n_codes;
	struct
	{
		int code;
		unsigned int count;
	} codes[IMC_LOST_CODES];
	unsigned int others; /* of further codes */
	unsigned int unsent; /* that tm refused to send */
} imc_lost_room_t;

/* What was not delivered since the last report. */
typedef struct imc_lost
{
	int n_rooms;
	unsigned int others; /* of further rooms */
	imc_lost_room_t rooms[IMC_LOST_ROOMS];
} imc_lost_t;

/* In shared memory, made before fork. */
typedef struct imc_results
{
	/* Who refused to be told who is typing: the upper half is of the member's
	 * hash, whose lower bits are the slot; the lower half says until when it
	 * holds, in Kamailio's ticks. 0: nobody. */
	uint64_t typing[IMC_TYPING_SLOTS];
	gen_lock_t lock; /* of lost; see imc_lost_lock() */
	imc_lost_t lost;
	unsigned int missed; /* not in lost, since the lock could not be taken */
} imc_results_t;

static imc_results_t *imc_results = NULL;

/* What of this was logged last, in the process that logs, and at which tick.
 * Too large for a stack. */
static struct
{
	imc_lost_t lost;
	ticks_t at;
} imc_logged;

int imc_result_init(void)
{
	imc_results = shm_malloc(sizeof(*imc_results));
	if(imc_results == NULL) {
		SHM_MEM_ERROR;
		return -1;
	}
	memset(imc_results, 0, sizeof(*imc_results));
	if(lock_init(&imc_results->lock) == NULL) {
		LM_ERR("cannot initialise a lock\n");
		return -1;
	}
	return 0;
}

/* Returns the entry of a room, NULL if there is no room for it. */
static imc_lost_room_t *imc_lost_of(imc_lost_t *lost, const str *uri)
{
	int len = uri->len < IMC_LOST_URI ? uri->len : IMC_LOST_URI;
	imc_lost_room_t *r;
	int i;

	for(i = 0; i < lost->n_rooms; i++) {
		r = &lost->rooms[i];
		if(r->uri_len == len && memcmp(r->uri, uri->s, len) == 0)
			return r;
	}
	if(i == IMC_LOST_ROOMS)
		return NULL;
	r = &lost->rooms[lost->n_rooms++];
	memset(r, 0, sizeof(*r));
	memcpy(r->uri, uri->s, len);
	r->uri_len = len;
	return r;
}

static void imc_lost_add(imc_lost_t *lost, const str *room, int code)
{
	imc_lost_room_t *r = imc_lost_of(lost, room);
	int i;

	if(r == NULL) {
		lost->others++;
		return;
	}
	for(i = 0; i < r->n_codes && r->codes[i].code != code; i++)
		;
	if(i == IMC_LOST_CODES) {
		r->others++;
		return;
	}
	if(i == r->n_codes) {
		r->codes[i].code = code;
		r->codes[i].count = 0;
		r->n_codes++;
	}
	r->codes[i].count++;
}

/* Counts one that tm refused to send. */
static void imc_lost_unsent(imc_lost_t *lost, const str *room)
{
	imc_lost_room_t *r = imc_lost_of(lost, room);

	if(r == NULL)
		lost->others++;
	else
		r->unsent++;
}

/* Returns the URI in a From or To that tm has written. */
static str imc_uri_in(const str *hdr)
{
	str uri = {hdr->s, 0};
	char *end = hdr->s + hdr->len;
	char *p;

	if((p = memchr(hdr->s, '<', hdr->len)) == NULL)
		return uri;
	uri.s = p + 1;
	if((p = memchr(uri.s, '>', end - uri.s)) != NULL)
		uri.len = (int)(p - uri.s);
	return uri;
}

/* Takes the lock of the report. Kamailio ends its processes at a stop wherever
 * they are, so who has it may be gone: then nobody gets it any more, and nobody
 * may wait for it. Returns -1 if it cannot be taken. */
static int imc_lost_lock(void)
{
	int i;

	for(i = 0; i < IMC_LOST_TRIES; i++) {
		if(lock_try(&imc_results->lock) == 0)
			return 0;
		sched_yield();
	}
	return -1;
}

void imc_count_result(int code)
{
	imc_counter_add(IMC_C_COMPLETED, 1);
	if(code >= 300)
		imc_counter_add(IMC_C_UNDELIVERED, 1);
}

/* Counts what a MESSAGE held. Returns 1 for its final result. */
static int imc_is_result(int type, struct tmcb_params *ps)
{
	imc_ticket_t ticket = imc_param_ticket(*ps->param);

	if(type & TMCB_DESTROY) {
		imc_pace_freed(ticket);
		return 0;
	}
	*ps->param = imc_ticket_param(imc_pace_answered(ticket));
	return 1;
}

void imc_delivery_cb(struct cell *t, int type, struct tmcb_params *ps)
{
	str room, user;

	if(!imc_is_result(type, ps))
		return;
	imc_count_result(ps->code);
	if(ps->code < 300)
		return;
	room = imc_uri_in(&t->IMC_TM_FROM);
	user = imc_uri_in(&t->IMC_TM_TO);
	LM_DBG("room %.*s: MESSAGE to %.*s not delivered: %d\n", STR_FMT(&room),
			STR_FMT(&user), ps->code);
	if(imc_lost_lock() < 0) {
		__atomic_fetch_add(&imc_results->missed, 1, __ATOMIC_RELAXED);
		return;
	}
	imc_lost_add(&imc_results->lost, &room, ps->code);
	lock_release(&imc_results->lock);
}

void imc_count_unsent(const str *room, const str *user, int ret)
{
	imc_counter_add(IMC_C_SEND_FAILED, 1);
	LM_DBG("room %.*s: no MESSAGE could be sent to %.*s (%d)\n", STR_FMT(room),
			STR_FMT(user), ret);
	if(imc_lost_lock() < 0) {
		__atomic_fetch_add(&imc_results->missed, 1, __ATOMIC_RELAXED);
		return;
	}
	imc_lost_unsent(&imc_results->lost, room);
	lock_release(&imc_results->lock);
}

/* Writes what there is on a room: a line on what was not sent, and one on what
 * was not delivered. */
static void imc_log_lost(const imc_lost_room_t *r)
{
	char codes[IMC_LOST_CODES * 24 + 32];
	unsigned int total = r->others;
	int i, len = 0;

	if(r->unsent > 0)
		LM_WARN("room %.*s: %u MESSAGEs could not be sent\n", r->uri_len,
				r->uri, r->unsent);
	for(i = 0; i < r->n_codes; i++) {
		total += r->codes[i].count;
		len += snprintf(codes + len, sizeof(codes) - len, "%s%d: %u",
				i > 0 ? ", " : "", r->codes[i].code, r->codes[i].count);
	}
	if(r->others > 0)
		snprintf(codes + len, sizeof(codes) - len, ", others: %u", r->others);
	if(total > 0)
		LM_INFO("room %.*s: %u MESSAGEs not delivered (%s)\n", r->uri_len,
				r->uri, total, codes);
}

void imc_log_undelivered(int now)
{
	imc_lost_t *lost = &imc_logged.lost;
	int i;

	if(!now && (ticks_t)(get_ticks() - imc_logged.at) < IMC_LOST_EVERY)
		return;
	imc_logged.at = get_ticks();
	if(imc_lost_lock() < 0)
		return;
	lost->n_rooms = imc_results->lost.n_rooms;
	lost->others = imc_results->lost.others;
	memcpy(lost->rooms, imc_results->lost.rooms,
			lost->n_rooms * sizeof(lost->rooms[0]));
	imc_results->lost.n_rooms = 0;
	imc_results->lost.others = 0;
	lock_release(&imc_results->lock);
	lost->others +=
			__atomic_exchange_n(&imc_results->missed, 0, __ATOMIC_RELAXED);
	for(i = 0; i < lost->n_rooms; i++)
		imc_log_lost(&lost->rooms[i]);
	if(lost->others > 0)
		LM_INFO("further rooms: %u MESSAGEs not sent or not delivered\n",
				lost->others);
}

/* FNV-1a of a URI in lower case. Never 0. */
static uintptr_t imc_hash(const str *uri)
{
	uint64_t h = 14695981039346656037ULL;
	int i;

	for(i = 0; i < uri->len; i++) {
		unsigned char c = (unsigned char)uri->s[i];
		if(c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		h = (h ^ c) * 1099511628211ULL;
	}
	return (uintptr_t)h | 1;
}

static uint64_t *imc_typing_slot(uintptr_t hash)
{
	return &imc_results->typing[(hash >> 1) % IMC_TYPING_SLOTS];
}

/* What a slot holds of the hash beside its number. */
static uint32_t imc_typing_tag(uintptr_t hash)
{
	return (uint32_t)(hash >> 13);
}

int imc_typing_wanted(const str *uri)
{
	uintptr_t hash = imc_hash(uri);
	uint64_t slot = __atomic_load_n(imc_typing_slot(hash), __ATOMIC_RELAXED);
	uint32_t left = (uint32_t)slot - (uint32_t)get_ticks();

	return slot == 0 || (uint32_t)(slot >> 32) != imc_typing_tag(hash)
		   || left == 0 || left > IMC_TYPING_TTL;
}

/* Reports whether a response refuses the type of a body rather than all of
 * them: Not Acceptable, Unsupported Media Type, Not Acceptable Here. */
static int imc_refuses_type(int code)
{
	return code == 406 || code == 415 || code == 488 || code == 606;
}

void imc_typing_cb(struct cell *t, int type, struct tmcb_params *ps)
{
	uintptr_t hash;
	str user;

	if(!imc_is_result(type, ps))
		return;
	imc_counter_add(IMC_C_COMPLETED, 1);
	if(!imc_refuses_type(ps->code))
		return;
	user = imc_uri_in(&t->IMC_TM_TO);
	hash = imc_hash(&user);
	__atomic_store_n(imc_typing_slot(hash),
			(uint64_t)imc_typing_tag(hash) << 32
					| (uint32_t)(get_ticks() + IMC_TYPING_TTL),
			__ATOMIC_RELAXED);
}
