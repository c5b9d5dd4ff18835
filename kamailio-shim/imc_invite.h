/*
 * imc_invite.h - what becomes of invitations
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_INVITE_H
#define IMC_INVITE_H

#include "core/str.h"
#include "modules/tm/t_hooks.h"

#include "imc_engine.h"
#include "imc_pace.h"
#include "imc_records.h"

/* What has to be known of an invitation when its final result comes: in shared
 * memory, since tm may tell it in any process. imc_invitation_cb() frees it, or
 * leaves it in the list of those that failed. */
typedef struct imc_invitation
{
	struct imc_invitation *next; /* in that list */
	imc_event_t ev;		 /* says that it failed; its texts are in text */
	imc_ticket_t ticket; /* of its MESSAGE */
	char text[];
} imc_invitation_t;

/* Makes the list of invitations that failed; in mod_init. */
int imc_invite_init(void);

/* Describes the invitation of a user. Returns NULL if there is no memory
 * (logged). */
imc_invitation_t *imc_new_invitation(
		const imc_message_t *m, const str *user, imc_ticket_t ticket);

/* Frees an invitation that tm did not take, or that is in no list any more. */
void imc_free_invitation(imc_invitation_t *inv);

/* tm's callback for the final result of an invitation. It never waits. */
void imc_invitation_cb(struct cell *t, int type, struct tmcb_params *ps);

/* Describes to the engine that the invitation of a user failed. The texts stay
 * where they are. */
void imc_describe_invitation(
		imc_event_t *ev, const imc_message_t *m, const str *user);

/* Takes the whole list of invitations that failed, the first one first, for the
 * caller to free. NULL: none. */
imc_invitation_t *imc_take_failed(void);

#endif
