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

#include "imc_invite.h"
#include "imc_loader.h"
#include "imc_params.h"
#include "imc_proc.h"
#include "imc_result.h"
#include "imc_rpc.h"
#include "imc_script.h"
#include "imc_send.h"
#include "imc_socket.h"
#include "imc_stats.h"
#include "imc_worker.h"

/* What Kamailio looks up in a module. Nothing else leaves this one: see
 * scripts/check-modules.sh. */
#define IMC_EXPORT __attribute__((visibility("default")))
extern IMC_EXPORT char *module_version, *module_flags;
extern IMC_EXPORT unsigned int module_interface_ver;
extern IMC_EXPORT struct module_exports exports;
IMC_EXPORT int mod_register(char *path, int *dlflags, void *p1, void *p2);

MODULE_VERSION

static int mod_init(void);
static int child_init(int rank);

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

struct module_exports exports = {
	"imc",             /* module name */
	DEFAULT_DLFLAGS,   /* dlopen flags */
	cmds,              /* exported functions */
	imc_param_exports, /* exported parameters */
	0,                 /* RPC commands: see imc_rpc_init() */
	0,                 /* pseudo-variables */
	0,                 /* response handling function */
	mod_init,          /* module init function */
	child_init,        /* per-child init function */
	0                  /* module destroy function */
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
