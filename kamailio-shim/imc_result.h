/*
 * imc_result.h - what became of the MESSAGEs that were handed to tm
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_RESULT_H
#define IMC_RESULT_H

#include "core/str.h"
#include "modules/tm/t_hooks.h"

/* Makes what the callbacks write to; in mod_init. */
int imc_result_init(void);

/* Counts the final result of a MESSAGE. */
void imc_count_result(int code);

/* tm's final result of a MESSAGE (TMCB_LOCAL_COMPLETED, once) and the end of its
 * transaction (TMCB_DESTROY), in any process: nothing is waited for. The
 * parameter is a ticket. */
void imc_delivery_cb(struct cell *t, int type, struct tmcb_params *ps);

/* The same of one that says that somebody is typing. */
void imc_typing_cb(struct cell *t, int type, struct tmcb_params *ps);

/* Reports whether a member may be sent that somebody is typing: not if their
 * client refused it within the last hour. */
int imc_typing_wanted(const str *uri);

/* Counts a MESSAGE of a room that tm refused to send, with what it returned. */
void imc_count_unsent(const str *room, const str *user, int ret);

/* Logs what was not sent or not delivered, a line each per room, if the last
 * time was a minute ago or now is set; in the engine process. */
void imc_log_undelivered(int now);

#endif
