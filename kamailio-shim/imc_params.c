/*
 * imc_params.c - the module's parameters: names, initial values, ranges
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <string.h>

#include "core/dprint.h"
#include "core/parser/parse_uri.h"

#include "imc_params.h"

imc_params_t imc_params = {
		.db_url = STR_NULL,
		.db_mode = 0,
		.db_cache_ttl = 0,
		.rooms_table = str_init("imc_rooms"),
		.members_table = str_init("imc_members"),
		.hash_size = 4,
		.cmd_start_char = str_init("#"),
		.outbound_proxy = STR_NULL,
		.extra_hdrs = STR_NULL,
		.create_on_join = 1,
		.check_on_create = 0,
		.max_hops = 1,
		.fanout_inline = 128,
		.queue_size = 1000000,
		.queue_bytes = 67108864,
		.shm_reserve = 25,
		.send_socket = STR_NULL,
};

/* clang-format off */
param_export_t imc_param_exports[] = {
	{"db_url", PARAM_STR, &imc_params.db_url},
	{"db_mode", PARAM_INT, &imc_params.db_mode},
	{"db_cache_ttl", PARAM_INT, &imc_params.db_cache_ttl},
	{"hash_size", PARAM_INT, &imc_params.hash_size},
	{"imc_cmd_start_char", PARAM_STR, &imc_params.cmd_start_char},
	{"rooms_table", PARAM_STR, &imc_params.rooms_table},
	{"members_table", PARAM_STR, &imc_params.members_table},
	{"outbound_proxy", PARAM_STR, &imc_params.outbound_proxy},
	{"extra_hdrs", PARAM_STR, &imc_params.extra_hdrs},
	{"create_on_join", PARAM_INT, &imc_params.create_on_join},
	{"check_on_create", PARAM_INT, &imc_params.check_on_create},
	{"max_hops", PARAM_INT, &imc_params.max_hops},
	{"fanout_inline", PARAM_INT, &imc_params.fanout_inline},
	{"queue_size", PARAM_INT, &imc_params.queue_size},
	{"queue_bytes", PARAM_INT, &imc_params.queue_bytes},
	{"shm_reserve", PARAM_INT, &imc_params.shm_reserve},
	{"send_socket", PARAM_STR, &imc_params.send_socket},
	{0, 0, 0}
};
/* clang-format on */

/* The stock module's limit for extra_hdrs, its own Supported header included. */
#define IMC_EXTRA_HDRS_MAX \
	(1024 - (int)sizeof("Supported: kamailio/imc\r\n") + 1)

/* As in the stock module. Not the initial value of the parameter, so that it
 * shows whether it was set. */
static str imc_default_db_url =
		str_init("mysql://kamailio:kamailiorw@localhost/kamailio");

#define IMC_TABLE_MAX 64 /* longest name of a table that MySQL takes */

typedef struct imc_range
{
	const char *name;
	const int *value;
	int min;
	int max;
} imc_range_t;

static const imc_range_t imc_ranges[] = {
		{"db_mode", &imc_params.db_mode, 0, 2},
		{"hash_size", &imc_params.hash_size, 1, 30},
		{"max_hops", &imc_params.max_hops, 0, 100},
		{"db_cache_ttl", &imc_params.db_cache_ttl, 0, 3600000},
		{"fanout_inline", &imc_params.fanout_inline, 0, 1000},
		{"queue_size", &imc_params.queue_size, 1, 100000000},
		{"queue_bytes", &imc_params.queue_bytes, 1048576, 2147483647},
		{"shm_reserve", &imc_params.shm_reserve, 1, 90},
};

static int imc_check_ranges(void)
{
	size_t i;

	for(i = 0; i < sizeof(imc_ranges) / sizeof(imc_ranges[0]); i++) {
		const imc_range_t *r = &imc_ranges[i];
		if(*r->value < r->min || *r->value > r->max) {
			LM_ERR("parameter %s is %d: set it to a number from %d to %d\n",
					r->name, *r->value, r->min, r->max);
			return -1;
		}
	}
	return 0;
}

/* Table names go into SQL statements; what needs quoting is refused. */
static int imc_check_table(const char *param, const str *name)
{
	int i;

	for(i = 0; i < name->len; i++) {
		char c = name->s[i];
		if((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
				|| (c >= '0' && c <= '9') || c == '_')
			continue;
		break;
	}
	if(name->len <= 0 || i < name->len || name->len > IMC_TABLE_MAX) {
		LM_ERR("parameter %s is '%.*s': set it to the name of a table (letters,"
			   " digits and _, at most %d)\n",
				param, STR_FMT(name), IMC_TABLE_MAX);
		return -1;
	}
	return 0;
}

static int imc_check_cmd_start_char(void)
{
	const str *c = &imc_params.cmd_start_char;

	if(c->len <= 0 || c->s[0] == ' ' || (unsigned char)c->s[0] < 0x20) {
		LM_ERR("parameter imc_cmd_start_char is empty or a blank: set it to one"
			   " character, as \"#\"\n");
		return -1;
	}
	if(c->len > 1)
		LM_WARN("parameter imc_cmd_start_char is '%.*s': only its first"
				" character counts\n",
				STR_FMT(c));
	return 0;
}

static int imc_check_extra_hdrs(void)
{
	const str *h = &imc_params.extra_hdrs;
	int i, start;

	if(h->s == NULL)
		return 0;
	if(h->len > IMC_EXTRA_HDRS_MAX) {
		LM_ERR("parameter extra_hdrs is %d bytes long: set it to at most %d\n",
				h->len, IMC_EXTRA_HDRS_MAX);
		return -1;
	}
	for(i = start = 0; i < h->len; i++) {
		if(h->s[i] != '\n')
			continue;
		if(i - start < 2 || h->s[i - 1] != '\r')
			break;
		start = i + 1;
	}
	if(start != h->len) {
		LM_ERR("parameter extra_hdrs: end each header in it, and nothing else,"
			   " with \\r\\n\n");
		return -1;
	}
	return 0;
}

static int imc_check_outbound_proxy(void)
{
	str *p = &imc_params.outbound_proxy;
	struct sip_uri uri;

	if(p->s == NULL)
		return 0;
	if(parse_uri(p->s, p->len, &uri) < 0 || uri.host.len <= 0) {
		LM_ERR("parameter outbound_proxy is '%.*s': set it to a SIP URI, as"
			   " \"sip:192.0.2.1:5060\"\n",
				STR_FMT(p));
		return -1;
	}
	return 0;
}

int imc_params_check(void)
{
	if(imc_check_ranges() < 0 || imc_check_cmd_start_char() < 0
			|| imc_check_extra_hdrs() < 0 || imc_check_outbound_proxy() < 0
			|| imc_check_table("rooms_table", &imc_params.rooms_table) < 0
			|| imc_check_table("members_table", &imc_params.members_table) < 0)
		return -1;
	if(imc_params.db_url.s == NULL)
		imc_params.db_url = imc_default_db_url;
	else if(imc_params.db_mode == 0)
		LM_NOTICE(
				"db_url is set and db_mode is 0: rooms live in memory only and"
				" end with the server; db_mode 1 or 2 keeps them\n");
	return 0;
}
