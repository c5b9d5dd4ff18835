/*
 * imc_script.c - functions for the routing script
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <string.h>
#include <strings.h>

#include "core/dprint.h"
#include "core/mod_fix.h"
#include "core/parser/parse_content.h"
#include "core/parser/parse_from.h"

#include "imc_engine.h"
#include "imc_records.h"
#include "imc_reply.h"
#include "imc_script.h"
#include "imc_worker.h"

/* How much of the header fields that matter is looked at. */
#define IMC_HEADERS_MAX 2048

/* What imc_manager() returns for a request that is no usable MESSAGE. */
#define IMC_RET_MALFORMED -1

/* Finds the body of a request. A Content-Length that is longer than what came
 * is refused (RFC 3261, 18.3), what comes after it is left out; over UDP it
 * may be missing. */
static int imc_get_body(sip_msg_t *msg, str *body)
{
	int len;

	body->s = get_body(msg); /* parses all headers */
	if(body->s == NULL)
		return -1;
	body->len = (int)(msg->buf + msg->len - body->s);
	if(msg->content_length != NULL) {
		len = get_content_length(msg);
		if(len < 0 || len > body->len) {
			LM_INFO("Content-Length %d, but %d bytes came\n", len, body->len);
			return -1;
		}
		body->len = len;
	}
	return body->len > 0 ? 0 : -1;
}

/* The header fields that a room looks at, or passes on with the body that they
 * describe; the more it depends on one, the earlier it stands here. */
static const str imc_hdr_names[] = {
		str_init("X-IMC-Hops"),
		str_init("Supported"),
		str_init("k"), /* compact forms, RFC 3261, 7.3.3 */
		str_init("Content-Encoding"),
		str_init("e"),
		str_init("Content-Disposition"),
		str_init("Content-Transfer-Encoding"),
		str_init("Content-Language"),
		str_init("MIME-Version"),
		str_init("Subject"),
		str_init("Date"),
		str_init("s"),
};

/* Collects the header fields that matter, in buf, which has IMC_HEADERS_MAX
 * bytes; fields that do not fit are left out. All headers have been parsed. */
static str imc_collect_headers(const sip_msg_t *msg, char *buf)
{
	const hdr_field_t *h;
	const str *name;
	str found = {buf, 0};
	size_t i;

	for(i = 0; i < sizeof(imc_hdr_names) / sizeof(imc_hdr_names[0]); i++) {
		name = &imc_hdr_names[i];
		for(h = msg->headers; h != NULL; h = h->next) {
			if(h->name.len != name->len
					|| strncasecmp(h->name.s, name->s, name->len) != 0
					|| h->len > IMC_HEADERS_MAX - found.len)
				continue;
			memcpy(buf + found.len, h->name.s, h->len);
			found.len += h->len;
		}
	}
	return found;
}

/* Reads a MESSAGE. What req points to is in the message, or in buf, which has
 * IMC_HEADERS_MAX bytes. */
static int imc_read_request(sip_msg_t *msg, imc_request_t *req, char *buf)
{
	str body, headers;

	memset(req, 0, sizeof(*req));
	if(imc_get_body(msg, &body) < 0) {
		LM_INFO("MESSAGE without a body\n");
		return -1;
	}
	if(parse_from_header(msg) < 0) {
		LM_INFO("MESSAGE with a From header that cannot be parsed\n");
		return -1;
	}
	req->body = imc_slice(&body);
	req->from = imc_slice(&get_from(msg)->uri);
	req->request_uri = imc_slice(GET_RURI(msg));
	if(msg->callid != NULL)
		req->call_id = imc_slice(&msg->callid->body);
	if(msg->content_type != NULL)
		req->content_type = imc_slice(&msg->content_type->body);
	headers = imc_collect_headers(msg, buf);
	req->headers = imc_slice(&headers);
	if(msg->rcv.bind_address != NULL)
		req->socket = imc_slice(&msg->rcv.bind_address->sock_str);
	return 0;
}

int ki_imc_manager(sip_msg_t *msg)
{
	const imc_engine_t *engine = imc_worker();
	imc_reply_t *reply = imc_reply_buf();
	char buf[IMC_HEADERS_MAX];
	imc_request_t req;
	imc_ran_t ran;
	int code;

	if(imc_read_request(msg, &req, buf) < 0 || engine == NULL || reply == NULL)
		return IMC_RET_MALFORMED;
	reply->code = IMC_RET_MALFORMED;
	if(engine->handle(&req, reply) == IMC_ENGINE_EPANIC)
		LM_ERR("the engine failed on a MESSAGE from %.*s to %.*s\n",
				STR_FMT(&get_from(msg)->uri), STR_FMT(GET_RURI(msg)));
	code = reply->code; /* the buffer is used again for what follows */
	ran = imc_run_reply(engine, reply);
	imc_pump();
	return ran.code != 0 ? ran.code : code;
}

int w_imc_manager(sip_msg_t *msg, char *p1, char *p2)
{
	(void)p1;
	(void)p2;
	return ki_imc_manager(msg);
}

/* Asks the engine a question with a yes or a no. */
static int imc_ask(int what, str *room, str *user)
{
	const imc_engine_t *engine = imc_worker();
	imc_reply_t *reply = imc_reply_buf();
	imc_slice_t u = {NULL, 0};
	int code = -1;

	if(engine == NULL || reply == NULL)
		return -1;
	if(user != NULL)
		u = imc_slice(user);
	if(engine->query(what, imc_slice(room), u, reply) == IMC_ENGINE_OK)
		code = reply->code;
	imc_run_reply(engine, reply);
	return code > 0 ? 1 : -1;
}

int ki_imc_room_active(sip_msg_t *msg, str *room)
{
	(void)msg;
	return imc_ask(IMC_Q_ROOM_ACTIVE, room, NULL);
}

int w_imc_room_active(sip_msg_t *msg, char *proom, char *p2)
{
	str room = STR_NULL;

	(void)p2;
	if(fixup_get_svalue(msg, (gparam_t *)proom, &room) != 0) {
		LM_ERR("invalid room parameter\n");
		return -1;
	}
	return ki_imc_room_active(msg, &room);
}

int ki_imc_room_member(sip_msg_t *msg, str *room, str *user)
{
	(void)msg;
	return imc_ask(IMC_Q_ROOM_MEMBER, room, user);
}

int w_imc_room_member(sip_msg_t *msg, char *proom, char *puser)
{
	str room = STR_NULL;
	str user = STR_NULL;

	if(fixup_get_svalue(msg, (gparam_t *)proom, &room) != 0) {
		LM_ERR("invalid room parameter\n");
		return -1;
	}
	if(fixup_get_svalue(msg, (gparam_t *)puser, &user) != 0) {
		LM_ERR("invalid member parameter\n");
		return -1;
	}
	return ki_imc_room_member(msg, &room, &user);
}
