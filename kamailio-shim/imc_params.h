/*
 * imc_params.h - the module's parameters
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_PARAMS_H
#define IMC_PARAMS_H

#include "core/sr_module.h"
#include "core/str.h"

/* The module's parameters. They never change once Kamailio has started. */
typedef struct imc_params
{
	str db_url;
	int db_mode;
	int db_cache_ttl;
	str rooms_table;
	str members_table;
	int hash_size;
	str cmd_start_char;
	str outbound_proxy;
	str extra_hdrs;
	int create_on_join;
	int check_on_create;
	int max_hops;
	int fanout_inline;
	int queue_size;
	int queue_bytes;
	int shm_reserve;
	str send_socket;
} imc_params_t;

/* As set in the configuration file, or as they are without it. */
extern imc_params_t imc_params;

/* The parameters as Kamailio sets them: a row for each, with its name. */
extern param_export_t imc_param_exports[];

/* Refuses values that cannot be, naming parameter and remedy. */
int imc_params_check(void);

#endif
