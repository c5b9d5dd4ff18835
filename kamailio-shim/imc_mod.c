/*
 * imc_mod.c - the module as Kamailio sees it: exports and life cycle
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "core/dprint.h"
#include "core/globals.h"
#include "core/kemi.h"
#include "core/mod_fix.h"
#include "core/sr_module.h"
#include "core/ut.h"

#include "imc_mod.h"
#include "imc_proc.h"
#include "imc_script.h"

MODULE_VERSION

static int mod_init(void);
static int child_init(int rank);

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
static cmd_export_t cmds[] = {
	{"imc_manager", (cmd_function)w_imc_manager, 0,
		0, 0, REQUEST_ROUTE},
	{"imc_room_active", (cmd_function)w_imc_room_active, 1,
		fixup_spve_null, fixup_free_spve_null, ANY_ROUTE},
	{"imc_room_member", (cmd_function)w_imc_room_member, 2,
		fixup_spve_spve, fixup_free_spve_spve, ANY_ROUTE},
	{0, 0, 0, 0, 0, 0}
};

static param_export_t params[] = {
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

struct module_exports exports = {
	"imc",           /* module name */
	DEFAULT_DLFLAGS, /* dlopen flags */
	cmds,            /* exported functions */
	params,          /* exported parameters */
	0,               /* RPC commands: see imc_rpc_init() */
	0,               /* pseudo-variables */
	0,               /* response handling function */
	mod_init,        /* module init function */
	child_init,      /* per-child init function */
	0                /* module destroy function */
};

static sr_kemi_t sr_kemi_imc_exports[] = {
	{ str_init("imc"), str_init("imc_manager"),
		SR_KEMIP_INT, ki_imc_manager,
		{ SR_KEMIP_NONE, SR_KEMIP_NONE, SR_KEMIP_NONE,
			SR_KEMIP_NONE, SR_KEMIP_NONE, SR_KEMIP_NONE }
	},
	{ str_init("imc"), str_init("imc_room_active"),
		SR_KEMIP_INT, ki_imc_room_active,
		{ SR_KEMIP_STR, SR_KEMIP_NONE, SR_KEMIP_NONE,
			SR_KEMIP_NONE, SR_KEMIP_NONE, SR_KEMIP_NONE }
	},
	{ str_init("imc"), str_init("imc_room_member"),
		SR_KEMIP_INT, ki_imc_room_member,
		{ SR_KEMIP_STR, SR_KEMIP_STR, SR_KEMIP_NONE,
			SR_KEMIP_NONE, SR_KEMIP_NONE, SR_KEMIP_NONE }
	},
	{ {0, 0}, {0, 0}, 0, NULL, { 0, 0, 0, 0, 0, 0 } }
};
/* clang-format on */

/* Called by Kamailio when the module is loaded. */
int mod_register(char *path, int *dlflags, void *p1, void *p2)
{
	(void)path;
	(void)dlflags;
	(void)p1;
	(void)p2;
	imc_loader_find();
	sr_kemi_modules_add(sr_kemi_imc_exports);
	return 0;
}

static int mod_init(void)
{
	/* of no effect anywhere else */
	ksr_module_set_flag(KSRMOD_FLAG_POSTCHILDINIT);
	if(imc_params_check() < 0 || imc_loader_init() < 0 || imc_stats_init() < 0
			|| imc_rpc_init() < 0 || imc_invite_init() < 0
			|| imc_result_init() < 0 || imc_send_init() < 0
			|| imc_socket_init() < 0)
		return -1;
	return imc_proc_register();
}

static int child_init(int rank)
{
	switch(rank) {
		case PROC_INIT:
			return imc_proc_init();
		case PROC_MAIN:
			return imc_proc_fork_engine();
		case PROC_POSTCHILDINIT:
			imc_proc_close_main();
			return 0;
	}
	imc_proc_close_others();
	/* a SIP worker pays for the start of the engine library now; any other
	 * process when it first runs a function or an RPC command */
	if(rank > 0 && imc_worker() == NULL)
		return -1;
	return 0;
}
