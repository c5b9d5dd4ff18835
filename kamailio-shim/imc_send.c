/*
 * imc_send.c - walks the records of a reply and sends MESSAGEs through tm
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <stdlib.h>
#include <string.h>

#include "core/dprint.h"
#include "core/error.h"
#include "core/globals.h"
#include "modules/tm/dlg.h"
#include "modules/tm/t_hooks.h"
#include "modules/tm/uac.h"

#include "imc_mod.h"

#define IMC_HDR_SUPPORTED "Supported: kamailio/imc\r\n"
#define IMC_HDR_CTYPE "Content-Type: "
#define IMC_HDR_REPLYTO "\r\nIn-Reply-To: "
#define IMC_HDR_END "\r\n"

/* The longest header part of a MESSAGE: what never changes, and what one
 * record can hold. */
#define IMC_HDRS_MAX (IMC_HDRS_FIXED_MAX + IMC_RECORD_MAX)
#define IMC_HDRS_FIXED_MAX 2048

/* How deep replies nest: the reply to a request, the answer to an event of
 * it, the answer to an event of that, and one more for tm's callbacks. */
#define IMC_DEPTH_MAX 4

static int imc_depth = 0; /* how many replies are being walked */

/* What is left to be sent directly; of the reply at the bottom. */
static imc_budget_t imc_budget;

/* The headers of the MESSAGE that is being sent, for each depth: a route that tm
 * runs for it may call imc_manager(). What is never written to costs nothing. */
static char imc_hdrs_bufs[IMC_DEPTH_MAX + 1][IMC_HDRS_MAX];

static char imc_hdrs_fixed[IMC_HDRS_FIXED_MAX]; /* what never changes */
static int imc_hdrs_fixed_len = 0;

static str imc_method = str_init("MESSAGE");

static char *imc_append(char *p, const char *s, size_t len)
{
	memcpy(p, s, len);
	return p + len;
}

/* Appends a value that came from a request. A control character, be it of a
 * folded header, becomes a space: it must not end the header. */
static char *imc_append_value(char *p, const str *s)
{
	int i;

	for(i = 0; i < s->len; i++) {
		unsigned char c = (unsigned char)s->s[i];
		*p++ = (c < 0x20 && c != '\t') || c == 0x7f ? ' ' : (char)c;
	}
	return p;
}

void imc_send_init(void)
{
	const str *extra = &imc_params.extra_hdrs;
	char *p = imc_hdrs_fixed;

	p = imc_append(p, IMC_HDR_SUPPORTED, sizeof(IMC_HDR_SUPPORTED) - 1);
	if(extra->s != NULL)
		p = imc_append(p, extra->s, extra->len);
	imc_hdrs_fixed_len = (int)(p - imc_hdrs_fixed);
}

/* Builds the headers of a MESSAGE. The result is valid until the next call at
 * the same depth. */
static str imc_build_headers(const imc_message_t *m)
{
	char *buf = imc_hdrs_bufs[imc_depth];
	char *p = imc_append(buf, imc_hdrs_fixed, imc_hdrs_fixed_len);
	str hdrs = {buf, 0};

	p = imc_append(p, IMC_HDR_CTYPE, sizeof(IMC_HDR_CTYPE) - 1);
	p = imc_append_value(p, &m->content_type);
	if(m->call_id.len > 0) {
		p = imc_append(p, IMC_HDR_REPLYTO, sizeof(IMC_HDR_REPLYTO) - 1);
		p = imc_append_value(p, &m->call_id);
	}
	p = imc_append(p, IMC_HDR_END, sizeof(IMC_HDR_END) - 1);
	if(m->headers.len > 0)
		p = imc_append(p, m->headers.s, m->headers.len);
	hdrs.len = (int)(p - buf);
	return hdrs;
}

/* Hands one MESSAGE to tm. The dialog lives on the stack: t_request() would
 * allocate one in shared memory for each. Returns tm's code: positive, 0 if a
 * tm:local-request route dropped it, E_OUT_OF_MEM, or another negative one. */
static int imc_hand_over(const imc_message_t *m, str *to, str *hdrs, str *body,
		imc_invitation_t *inv, imc_ticket_t ticket)
{
	struct socket_info *own = bind_address, *from = imc_udp_socket(&m->socket);
	dlg_t dlg;
	uac_req_t req;
	int ret;

	memset(&dlg, 0, sizeof(dlg));
	dlg.loc_uri = m->from;
	dlg.rem_uri = *to;
	dlg.send_sock = imc_forced_socket();
	if(imc_params.outbound_proxy.s != NULL)
		dlg.dst_uri = imc_params.outbound_proxy;
	imc_tmb.generate_callid(&dlg.id.call_id);
	imc_tmb.generate_fromtag(&dlg.id.loc_tag, &dlg.id.call_id, NULL);
	set_uac_req(&req, &imc_method, hdrs, body, &dlg,
			TMCB_LOCAL_COMPLETED | TMCB_DESTROY, imc_delivery_cb,
			(void *)ticket);
	if(m->flags & IMC_MSG_TYPING) {
		req.cb = imc_typing_cb;
	} else if(inv != NULL) {
		req.cb_flags = TMCB_LOCAL_COMPLETED;
		req.cb = imc_invitation_cb;
		req.cbp = inv;
	}
	if(from != NULL)
		bind_address = from;
	ret = imc_tmb.t_uac(&req);
	bind_address = own;
	if(ret > 0)
		imc_pace_taken(ticket);
	return ret;
}

/* Sends one MESSAGE. Returns as imc_hand_over(), and E_OUT_OF_MEM whenever tm
 * had no memory: it returns -1 if that is for the copy that DNS failover wants.
 * Others may free memory before one can look, so it gets a second attempt. */
static int imc_send_one(const imc_message_t *m, str *to, str *hdrs, str *body,
		const imc_pace_t *pace)
{
	imc_invitation_t *inv = NULL;
	int attempts = 2;
	int ret;

	if(m->flags & IMC_MSG_INVITATION) {
		inv = imc_new_invitation(m, to, pace->ticket);
		if(inv == NULL)
			return E_OUT_OF_MEM;
	}
	do {
		ret = imc_hand_over(m, to, hdrs, body, inv, pace->ticket);
	} while(ret == -1 && --attempts > 0 && imc_shm_low(pace));
	if(ret == -1 && imc_shm_refused(pace))
		ret = E_OUT_OF_MEM;
	if(ret <= 0 && inv != NULL) /* tm did not take the callback */
		imc_free_invitation(inv);
	return ret;
}

/* What became of the recipients of a MESSAGE record. */
typedef struct imc_sent
{
	uint32_t tried;	 /* recipients that are done with: sent or refused */
	uint32_t ok;	 /* of these, MESSAGEs that tm has */
	int refused;	 /* tm refused at least one, not for want of memory */
	int exhausted;	 /* tm had no memory for the next one */
	imc_wait_t wait; /* what the next one has to wait for */
} imc_sent_t;

/* Sends a MESSAGE record to its recipients, in order, until one has to wait. */
static imc_sent_t imc_send_all(const imc_message_t *m)
{
	imc_sent_t sent = {0, 0, 0, 0, IMC_GO};
	imc_reader_t to = m->to;
	str hdrs = imc_build_headers(m), uri, body = m->body;
	imc_pace_t pace;
	int ret;

	imc_pace_begin(&pace, m, &hdrs);
	for(; sent.tried < m->n_to && !to.bad; sent.tried++) {
		sent.wait = imc_pace_next(&pace, &imc_budget);
		if(sent.wait != IMC_GO)
			break;
		uri = imc_read_str(&to);
		if((m->flags & IMC_MSG_TYPING) && !imc_typing_wanted(&uri))
			continue;
		ret = imc_send_one(m, &uri, &hdrs, &body, &pace);
		if(ret == E_OUT_OF_MEM) {
			sent.wait = IMC_WAIT_MEMORY;
			sent.exhausted = 1;
			if(m->id == 0)
				imc_budget.wait = IMC_WAIT_MEMORY;
			break;
		}
		if(ret > 0) {
			sent.ok++;
		} else if(ret < 0) {
			sent.refused = 1;
			imc_count_unsent(&m->from, &uri, ret);
		}
	}
	imc_counter_add(IMC_C_SENT, sent.ok);
	return sent;
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
	sent = imc_send_all(&m);
	if(m.id != 0 || sent.wait != IMC_GO)
		code = imc_report_sent(engine, &m, &sent);
	if(sent.refused && (m.flags & IMC_MSG_INVITATION))
		code = imc_invitation_refused(engine, &m);
	if(code < 0)
		ran->code = code;
	if(sent.ok > 0)
		ran->sent = 1;
	if(sent.wait != IMC_GO)
		ran->wait = 1;
	if(sent.wait == IMC_WAIT_MEMORY)
		ran->memory = 1;
	if(sent.exhausted)
		ran->exhausted = 1;
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
	imc_ran_t ran = {0, 0, 0, 0, 0};
	imc_reader_t r;
	imc_record_t rec;
	int n;

	if(imc_depth++ == 0)
		imc_budget_begin(&imc_budget);
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
	imc_depth--;
	return ran;
}

/* Allocated with malloc(): pages that are never touched cost nothing, and the
 * pool of private memory is the operator's to size. */
imc_reply_t *imc_reply_buf(void)
{
	static imc_reply_t replies[IMC_DEPTH_MAX];
	imc_reply_t *reply;

	if(imc_depth >= IMC_DEPTH_MAX)
		return NULL;
	reply = &replies[imc_depth];
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
