/*
 * imc_mod.h - what the files of the shim share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_MOD_H
#define IMC_MOD_H

#include "core/str.h"

#include "imc_engine.h"
#include "imc_records.h"
#include "imc_invite.h"
#include "imc_pace.h"
#include "imc_reply.h"
#include "imc_result.h"
#include "imc_send.h"
#include "imc_shared.h"
#include "imc_worker.h"

/* Module parameters, as set in the configuration file. */
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

extern imc_params_t imc_params;

/* imc_params.c: refuses values that cannot be, naming parameter and remedy */
int imc_params_check(void);

/* imc_loader.c */

/* Finds out where the engine library is, beside imc.so. Called when that is
 * loaded: a daemon changes its directory later. */
void imc_loader_find(void);

/* Opens the file of the library, for all processes. Called in mod_init: nothing
 * is loaded, but a library that is not there stops the start. */
int imc_loader_init(void);

/* Loads the library into this process, once, for these roles (IMC_ROLE_...),
 * and checks its ABI. Returns its functions, or NULL (logged). */
const imc_engine_t *imc_load(int roles);

/* imc_sigstack.c */

/* Gives signal handlers a stack that is large enough for Kamailio's, for the
 * life of the process; before the library is loaded. Returns -1 if there is
 * none (logged). */
int imc_sigstack(void);

/* imc_pairs.c */

/* Creates the socket pairs, one per process, before anything is forked. The
 * limit of open files is raised if they do not fit. Returns -1 if they cannot
 * be made (logged). */
int imc_pairs_init(void);

/* Closes, in this process, the host's ends. */
void imc_pairs_close_hosts(void);

/* Closes, in this process, the workers' ends but that of process number but
 * (-1: all of them). */
void imc_pairs_close_workers(int but);

/* Returns the worker's end of process number no. */
int imc_pairs_worker(int no);

/* Returns all ends of the host, n of them, for the caller to pkg_free(), or
 * NULL (logged). */
int32_t *imc_pairs_hosts(uint32_t *n);

/* imc_ready.c */

/* Makes the pipe by which the engine process says that it serves, before that
 * is forked. */
int imc_ready_init(void);

/* In the engine process: keeps its end of the pipe only. */
void imc_ready_engine(void);

/* Tells the main process, once, that the engine serves. */
void imc_tell_ready(void);

/* Reports whether the main process was told. */
int imc_ready_told(void);

/* Waits, in the main process, until the engine serves. Its load may take
 * long: it logs its progress. Returns -1 if it ended instead, or if a signal
 * ends the start. */
int imc_ready_wait(void);

/* imc_socket.c */

/* Finds the socket of parameter send_socket; in mod_init. */
int imc_socket_init(void);

/* The socket of parameter send_socket, NULL if it is not set. */
struct socket_info *imc_forced_socket(void);

/* The UDP socket to send from for a request that was received on the socket of
 * this name: the same one, or, if that is of another transport, one with its
 * address. NULL if there is none. */
struct socket_info *imc_udp_socket(const str *name);

/* imc_rpc.c */
int imc_rpc_init(void);

/* imc_stats.c */
int imc_stats_init(void);

#endif
