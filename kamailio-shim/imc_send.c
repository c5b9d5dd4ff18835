/*
 * imc_send.c - sends the recipients of a MESSAGE record what is in it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <string.h>

#include "core/dprint.h"
#include "core/error.h"
#include "core/globals.h"
#include "modules/tm/dlg.h"
#include "modules/tm/t_hooks.h"
#include "modules/tm/tm_load.h"
#include "modules/tm/uac.h"

#include "imc_engine.h"
#include "imc_invite.h"
#include "imc_pace.h"
#include "imc_params.h"
#include "imc_records.h"
#include "imc_result.h"
#include "imc_send.h"
#include "imc_shared.h"
#include "imc_socket.h"

#define IMC_HDR_SUPPORTED "Supported: kamailio/imc\r\n"
#define IMC_HDR_CTYPE "Content-Type: "
#define IMC_HDR_REPLYTO "\r\nIn-Reply-To: "
#define IMC_HDR_END "\r\n"

/* Made in mod_init, and the same in all processes. */
static struct tm_binds imc_tmb;
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

int imc_send_init(void)
{
	const str *extra = &imc_params.extra_hdrs;
	char *p = imc_hdrs_fixed;

	if(load_tm_api(&imc_tmb) != 0) {
		LM_ERR("cannot load the tm API: load module tm before imc\n");
		return -1;
	}
	p = imc_append(p, IMC_HDR_SUPPORTED, sizeof(IMC_HDR_SUPPORTED) - 1);
	if(extra->s != NULL)
		p = imc_append(p, extra->s, extra->len);
	imc_hdrs_fixed_len = (int)(p - imc_hdrs_fixed);
	return 0;
}

/* Builds the headers of a MESSAGE, in buf. */
static str imc_build_headers(const imc_message_t *m, char *buf)
{
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
			imc_ticket_param(ticket));
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

imc_sent_t imc_send_all(const imc_message_t *m, imc_budget_t *budget, char *buf)
{
	imc_sent_t sent = {0, 0, 0, 0, IMC_GO};
	imc_reader_t to = m->to;
	str hdrs = imc_build_headers(m, buf), uri, body = m->body;
	imc_pace_t pace;
	int ret;

	imc_pace_begin(&pace, m, &hdrs);
	for(; sent.tried < m->n_to && !to.bad; sent.tried++) {
		sent.wait = imc_pace_next(&pace, budget);
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
				budget->wait = IMC_WAIT_MEMORY;
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
