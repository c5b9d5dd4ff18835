/*
 * imc_floor.c - what a text of a chat room costs at least: its MESSAGEs
 *
 * A module for the benchmark. imc_floor() knows no rooms: it sends as many
 * MESSAGEs through tm as a room of room_size members would get, with headers,
 * body and URIs of the same length as the module imc sends, and nothing else.
 * What imc costs above it is what imc adds.
 *
 * Rooms and members are those of the load generator: room r%07d holds the
 * members m%07d from room * room_size on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <stdio.h>
#include <string.h>

#include "core/dprint.h"
#include "core/parser/parse_content.h"
#include "core/parser/parse_from.h"
#include "core/sr_module.h"
#include "modules/tm/dlg.h"
#include "modules/tm/tm_load.h"
#include "modules/tm/uac.h"

MODULE_VERSION

#define FLOOR_HDRS \
	"Supported: kamailio/imc\r\nContent-Type: text/plain\r\nIn-Reply-To: "
#define FLOOR_DIGITS 7

static int mod_init(void);
static int w_imc_floor(sip_msg_t *msg, char *p1, char *p2);

static struct tm_binds tmb;
static str outbound_proxy = STR_NULL;
static int room_size = 2;

/* clang-format off */
static cmd_export_t cmds[] = {
	{"imc_floor", (cmd_function)w_imc_floor, 0, 0, 0, REQUEST_ROUTE},
	{0, 0, 0, 0, 0, 0}
};

static param_export_t params[] = {
	{"outbound_proxy", PARAM_STR, &outbound_proxy},
	{"room_size", PARAM_INT, &room_size},
	{0, 0, 0}
};

struct module_exports exports = {
	"imc_floor",     /* module name */
	DEFAULT_DLFLAGS, /* dlopen flags */
	cmds,            /* exported functions */
	params,          /* exported parameters */
	0,               /* RPC commands */
	0,               /* pseudo-variables */
	0,               /* response handling function */
	mod_init,        /* module init function */
	0,               /* per-child init function */
	0                /* module destroy function */
};
/* clang-format on */

static int mod_init(void)
{
	if(load_tm_api(&tmb) != 0) {
		LM_ERR("cannot load the tm API\n");
		return -1;
	}
	return 0;
}

/* Reads the number in "sip:r0000012@host"; -1 if there is none. */
static int floor_number(const str *uri)
{
	int i, n = 0;

	if(uri->len < 5 + FLOOR_DIGITS)
		return -1;
	for(i = 5; i < 5 + FLOOR_DIGITS; i++) {
		if(uri->s[i] < '0' || uri->s[i] > '9')
			return -1;
		n = n * 10 + uri->s[i] - '0';
	}
	return n;
}

static int floor_send(str *from, str *to, str *hdrs, str *body)
{
	static str method = str_init("MESSAGE");
	dlg_t dlg;
	uac_req_t req;

	memset(&dlg, 0, sizeof(dlg));
	dlg.loc_uri = *from;
	dlg.rem_uri = *to;
	dlg.dst_uri = outbound_proxy;
	tmb.generate_callid(&dlg.id.call_id);
	tmb.generate_fromtag(&dlg.id.loc_tag, &dlg.id.call_id, NULL);
	set_uac_req(&req, &method, hdrs, body, &dlg, 0, NULL, NULL);
	return tmb.t_uac(&req);
}

static int w_imc_floor(sip_msg_t *msg, char *p1, char *p2)
{
	static char hdrs_buf[1024], body_buf[65536], to_buf[64];
	str hdrs = {hdrs_buf, 0}, body = {body_buf, 0}, to = {to_buf, 0};
	str text, *room = GET_RURI(msg), *from;
	int i, first, sender;

	(void)p1;
	(void)p2;
	text.s = get_body(msg);
	if(text.s == NULL || parse_from_header(msg) < 0 || msg->callid == NULL)
		return -1;
	text.len = (int)(msg->buf + msg->len - text.s);
	from = &get_from(msg)->uri;
	sender = floor_number(from);
	first = floor_number(room);
	if(first < 0 || sender < 0)
		return -1;
	first *= room_size;
	hdrs.len = snprintf(hdrs_buf, sizeof(hdrs_buf), FLOOR_HDRS "%.*s\r\n",
			STR_FMT(&msg->callid->body));
	body.len = snprintf(body_buf, sizeof(body_buf), "[m%0*d]: %.*s",
			FLOOR_DIGITS, sender, STR_FMT(&text));
	if(hdrs.len >= (int)sizeof(hdrs_buf) || body.len >= (int)sizeof(body_buf))
		return -1;
	for(i = first; i < first + room_size; i++) {
		if(i == sender)
			continue;
		to.len = snprintf(to_buf, sizeof(to_buf), "sip:m%0*d%.*s",
				FLOOR_DIGITS, i, from->len - 5 - FLOOR_DIGITS,
				from->s + 5 + FLOOR_DIGITS);
		if(floor_send(room, &to, &hdrs, &body) < 0)
			return -1;
	}
	return 1;
}
