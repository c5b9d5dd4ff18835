/*
 * imc_reply.c - does what the engine library answers, and tells it what came of
 * that
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <stdlib.h>
#include <string.h>

#include "core/dprint.h"

#include "imc_invite.h"
#include "imc_ready.h"
#include "imc_reply.h"
#include "imc_send.h"

/* How deep replies nest: the reply to a request, the answer to an event of
 * it, the answer to an event of that, and one more for tm's callbacks. */
#define IMC_DEPTH_MAX 4

/* The replies that are being walked in this process. */
static struct
{
	int depth; /* how many */
	imc_budget_t
			budget; /* left to be sent directly; of the one at the bottom */
	imc_reply_t bufs[IMC_DEPTH_MAX];
	/* The headers of the MESSAGE that is being sent, for each depth: a route
	 * that tm runs for it may call imc_manager(). What is never written to costs
	 * nothing. */
	char hdrs[IMC_DEPTH_MAX + 1][IMC_HDRS_MAX];
} imc_walk;

/* Allocated with malloc(): pages that are never touched cost nothing, and the
 * pool of private memory is the operator's to size. */
imc_reply_t *imc_reply_buf(void)
{
	imc_reply_t *reply;

	if(imc_walk.depth >= IMC_DEPTH_MAX)
		return NULL;
	reply = &imc_walk.bufs[imc_walk.depth];
	if(reply->buf == NULL) {
		reply->buf = malloc(IMC_REPLY_MIN);
		if(reply->buf == NULL) {
			SYS_MEM_ERROR;
			return NULL;
		}
		reply->cap = IMC_REPLY_MIN;
	}
	return reply;
}

int imc_report(const imc_engine_t *engine, const imc_event_t *ev)
{
	imc_reply_t *answer = imc_reply_buf();

	if(answer == NULL) {
		LM_BUG("event %d while events of events are reported\n", ev->kind);
		return 0;
	}
	engine->event(ev, answer);
	imc_run_reply(engine, answer);
	return answer->code;
}

static int imc_report_sent(const imc_engine_t *engine, const imc_message_t *m,
		const imc_sent_t *sent)
{
	imc_event_t ev;

	memset(&ev, 0, sizeof(ev));
	ev.kind = sent->wait != IMC_GO ? IMC_EV_UNSENT : IMC_EV_SENT;
	ev.code = sent->exhausted || (m->id == 0 && sent->wait == IMC_WAIT_MEMORY);
	ev.first = sent->tried;
	ev.message = imc_slice(&m->raw);
	return imc_report(engine, &ev);
}

/* Tells the engine that tm refused to send an invitation. Returns the code of
 * its answer, 0 if there is none. */
static int imc_report_refused(
		const imc_engine_t *engine, const imc_message_t *m)
{
	imc_reader_t to = m->to;
	str user = imc_read_str(&to);
	imc_event_t ev;

	imc_describe_invitation(&ev, m, &user);
	return imc_report(engine, &ev);
}

void imc_report_failed(const imc_engine_t *engine)
{
	imc_invitation_t *inv, *next;

	for(inv = imc_take_failed(); inv != NULL; inv = next) {
		next = inv->next;
		imc_report(engine, &inv->ev);
		imc_free_invitation(inv);
	}
}

/* Sends a MESSAGE record and reports what became of it: always if it came
 * from the queue (it has an id), otherwise if something is left. */
static void imc_send_message(
		const imc_engine_t *engine, const imc_record_t *rec, imc_ran_t *ran)
{
	imc_message_t m;
	imc_sent_t sent;
	int code = 0;

	if(imc_read_message(rec, &m) < 0) {
		LM_BUG("MESSAGE record of %d bytes is cut\n", rec->raw.len);
		return;
	}
	sent = imc_send_all(&m, &imc_walk.budget, imc_walk.hdrs[imc_walk.depth]);
	if(m.id != 0 || sent.wait != IMC_GO)
		code = imc_report_sent(engine, &m, &sent);
	if(sent.refused && (m.flags & IMC_MSG_INVITATION))
		code = imc_report_refused(engine, &m);
	if(code < 0)
		ran->code = code;
	if(sent.ok > 0)
		ran->progress.sent = 1;
	if(sent.wait != IMC_GO)
		ran->progress.wait = 1;
	if(sent.wait == IMC_WAIT_MEMORY)
		ran->progress.memory = 1;
	if(sent.exhausted)
		ran->progress.exhausted = 1;
}

void imc_log_record(const imc_record_t *rec)
{
	imc_reader_t r = rec->payload;
	int level = (int)imc_read_u8(&r);
	str text = imc_read_str(&r);

	switch(level) {
		case IMC_LOG_ERR:
			LM_ERR("%.*s\n", STR_FMT(&text));
			break;
		case IMC_LOG_WARN:
			LM_WARN("%.*s\n", STR_FMT(&text));
			break;
		case IMC_LOG_NOTICE:
			LM_NOTICE("%.*s\n", STR_FMT(&text));
			break;
		case IMC_LOG_INFO:
			LM_INFO("%.*s\n", STR_FMT(&text));
			break;
		default:
			LM_DBG("%.*s\n", STR_FMT(&text));
	}
}

imc_ran_t imc_run_reply(const imc_engine_t *engine, imc_reply_t *reply)
{
	imc_ran_t ran = {0, {0, 0, 0, 0}};
	imc_reader_t r;
	imc_record_t rec;
	int n;

	if(imc_walk.depth++ == 0)
		imc_budget_begin(&imc_walk.budget);
	do {
		imc_reader_init(&r, reply->buf, reply->len);
		while((n = imc_next_record(&r, &rec)) > 0) {
			switch(rec.kind) {
				case IMC_REC_MESSAGE:
					imc_send_message(engine, &rec, &ran);
					break;
				case IMC_REC_READY:
					imc_tell_ready();
					break;
				default:
					imc_log_record(&rec);
			}
		}
		if(n < 0)
			LM_BUG("reply of %u bytes holds a cut record\n", reply->len);
	} while(reply->more && engine->more(reply) == IMC_ENGINE_OK);
	imc_walk.depth--;
	return ran;
}
