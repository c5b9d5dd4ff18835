/*
 * imc_invite.c - what becomes of invitations
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tm tells the final result of a MESSAGE in whichever process it comes to
 * know it: a SIP worker, or one of the timer processes, on which everybody
 * else's timeouts depend. So its callback only links the invitation, which is
 * in shared memory already, into a list there: that cannot fail, cannot wait,
 * and the list cannot be full. The engine process takes the list whenever it
 * looks for work.
 */

#include <string.h>

#include "core/dprint.h"
#include "core/mem/shm_mem.h"

#include "imc_invite.h"
#include "imc_result.h"

/* The list of those that failed, the last one first; in shared memory. Only
 * ever pushed to, and taken as a whole. */
static imc_invitation_t **imc_failed = NULL;

int imc_invite_init(void)
{
	imc_failed = shm_malloc(sizeof(*imc_failed));
	if(imc_failed == NULL) {
		SHM_MEM_ERROR;
		return -1;
	}
	*imc_failed = NULL;
	return 0;
}

void imc_describe_invitation(
		imc_event_t *ev, const imc_message_t *m, const str *user)
{
	memset(ev, 0, sizeof(*ev));
	ev->kind = IMC_EV_INVITATION_FAILED;
	ev->room = imc_slice(&m->from);
	ev->user = imc_slice(user);
	ev->inviter = imc_slice(&m->inviter);
	ev->call_id = imc_slice(&m->call_id);
	ev->socket = imc_slice(&m->socket);
}

/* Copies a text to p, and returns where the next one goes. */
static char *imc_keep(char *p, imc_slice_t *text)
{
	if(text->len > 0)
		memcpy(p, text->s, text->len);
	text->s = p;
	return p + text->len;
}

imc_invitation_t *imc_new_invitation(
		const imc_message_t *m, const str *user, imc_ticket_t ticket)
{
	imc_invitation_t *inv;
	char *p;

	inv = shm_malloc(sizeof(*inv) + m->from.len + user->len + m->inviter.len
					 + m->call_id.len + m->socket.len);
	if(inv == NULL) {
		SHM_MEM_ERROR;
		return NULL;
	}
	inv->next = NULL;
	inv->ticket = ticket;
	imc_describe_invitation(&inv->ev, m, user);
	p = imc_keep(inv->text, &inv->ev.room);
	p = imc_keep(p, &inv->ev.user);
	p = imc_keep(p, &inv->ev.inviter);
	p = imc_keep(p, &inv->ev.call_id);
	imc_keep(p, &inv->ev.socket);
	return inv;
}

void imc_free_invitation(imc_invitation_t *inv)
{
	shm_free(inv);
}

/* tm's final result of an invitation (TMCB_LOCAL_COMPLETED, once). */
void imc_invitation_cb(struct cell *t, int type, struct tmcb_params *ps)
{
	imc_invitation_t *inv = (imc_invitation_t *)*ps->param;

	(void)t;
	(void)type;
	*ps->param = NULL;
	if(inv == NULL)
		return;
	imc_count_result(ps->code);
	imc_pace_freed(inv->ticket);
	if(ps->code < 300) {
		shm_free(inv);
		return;
	}
	LM_INFO("invitation of %.*s to %.*s failed with %d\n",
			(int)inv->ev.user.len, inv->ev.user.s, (int)inv->ev.room.len,
			inv->ev.room.s, ps->code);
	inv->ev.code = ps->code;
	inv->next = __atomic_load_n(imc_failed, __ATOMIC_RELAXED);
	while(!__atomic_compare_exchange_n(
			imc_failed, &inv->next, inv, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

imc_invitation_t *imc_take_failed(void)
{
	imc_invitation_t *inv, *next, *first = NULL;

	if(__atomic_load_n(imc_failed, __ATOMIC_RELAXED) == NULL)
		return NULL;
	inv = __atomic_exchange_n(imc_failed, NULL, __ATOMIC_ACQUIRE);
	for(; inv != NULL; inv = next) { /* the first that failed comes first */
		next = inv->next;
		inv->next = first;
		first = inv;
	}
	return first;
}
