/*
 * imc_mod.h - what the files of the shim share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_MOD_H
#define IMC_MOD_H

#include "core/str.h"
#include "modules/tm/t_hooks.h"
#include "modules/tm/tm_load.h"

#include "imc_engine.h"
#include "imc_records.h"
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
extern struct tm_binds imc_tmb;

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

/* imc_send.c */

/* Builds the part of the headers that never changes; in mod_init. */
void imc_send_init(void);

/* What came of walking a reply. */
typedef struct imc_ran
{
	int code;	   /* not 0: replaces the reply's code */
	int sent;	   /* a MESSAGE was sent */
	int wait;	   /* a MESSAGE has to wait, it is queued again */
	int memory;	   /* ... for shared memory */
	int exhausted; /* ... since tm had none */
} imc_ran_t;

/* Walks the records of a reply and of those that follow it (reply.more):
 * logs, sends MESSAGEs and reports what became of them. */
imc_ran_t imc_run_reply(const imc_engine_t *engine, imc_reply_t *reply);

/* Writes a LOG record to Kamailio's log. */
void imc_log_record(const imc_record_t *rec);

/* Returns the buffer for the next reply in this process, NULL if there is
 * none. A reply that is not walked yet is overwritten. */
imc_reply_t *imc_reply_buf(void);

/* Hands an event to the engine and does what it answers. Returns the code of
 * the answer, 0 if there is none. */
int imc_report(const imc_engine_t *engine, const imc_event_t *ev);

/* imc_result.c */

/* Makes what the callbacks below write to; in mod_init. */
int imc_result_init(void);

/* Counts the final result of a MESSAGE. */
void imc_count_result(int code);

/* What a MESSAGE holds of shared memory, and for which room; see imc_pace.c. */
typedef uintptr_t imc_ticket_t;

/* tm's final result of a MESSAGE (TMCB_LOCAL_COMPLETED, once) and the end of its
 * transaction (TMCB_DESTROY), in any process: nothing is waited for. The
 * parameter is a ticket. */
void imc_delivery_cb(struct cell *t, int type, struct tmcb_params *ps);

/* The same of one that says that somebody is typing. */
void imc_typing_cb(struct cell *t, int type, struct tmcb_params *ps);

/* Reports whether a member may be sent that somebody is typing: not if their
 * client refused it within the last hour. */
int imc_typing_wanted(const str *uri);

/* Counts a MESSAGE of a room that tm refused to send, with what it returned. */
void imc_count_unsent(const str *room, const str *user, int ret);

/* Logs what was not sent or not delivered, a line each per room, if the last
 * time was a minute ago or now is set; in the engine process. */
void imc_log_undelivered(int now);

/* imc_invite.c */

/* What has to be known of an invitation when its final result comes: in shared
 * memory, since tm may tell it in any process. Freed by imc_invitation_cb(). */
typedef struct imc_invitation imc_invitation_t;

/* Makes the list of invitations that failed; in mod_init. */
int imc_invite_init(void);

/* Describes the invitation of a user. Returns NULL if there is no memory
 * (logged). */
imc_invitation_t *imc_new_invitation(
		const imc_message_t *m, const str *user, imc_ticket_t ticket);

/* Frees an invitation that tm did not take. */
void imc_free_invitation(imc_invitation_t *inv);

/* tm's callback for the final result of an invitation. It never waits. */
void imc_invitation_cb(struct cell *t, int type, struct tmcb_params *ps);

/* Tells the engine that tm refused to send an invitation. Returns the code of
 * its answer, 0 if there is none. */
int imc_invitation_refused(const imc_engine_t *engine, const imc_message_t *m);

/* Tells the engine in this process of all invitations that failed. */
void imc_report_failed(const imc_engine_t *engine);

/* imc_pace.c */

/* What a worker sends for one request by itself takes as much shared memory as
 * fanout_inline MESSAGEs of this size, their transactions included, and at
 * least as that many. */
#define IMC_INLINE_EACH (16 * 1024)
#define IMC_INLINE_LEAST 64

/* What the next MESSAGE has to wait for. */
typedef enum imc_wait
{
	IMC_GO = 0,
	IMC_WAIT_TURN,	/* its request, or its room, has had its share for now */
	IMC_WAIT_MEMORY /* shared memory would be under its reserve */
} imc_wait_t;

/* How the recipients of one MESSAGE record are sent to. */
typedef struct imc_pace
{
	int queued;			 /* it comes from the queue */
	int step;			 /* MESSAGEs between two looks at shared memory */
	int left;			 /* of these, before the next look */
	imc_ticket_t ticket; /* of each of its MESSAGEs */
} imc_pace_t;

/* What is left to be sent directly for one request. Once something has to wait
 * all that follows does, so that the order stays. */
typedef struct imc_budget
{
	long bytes;
	int untouched; /* nothing was sent yet: one MESSAGE is, whatever its size */
	imc_wait_t wait;
} imc_budget_t;

/* Makes the table of what each room holds, before anything is forked. */
int imc_pace_init(void);

void imc_budget_begin(imc_budget_t *budget);

/* Begins a MESSAGE record that goes out with these headers. */
void imc_pace_begin(imc_pace_t *pace, const imc_message_t *m, const str *hdrs);

/* Decides whether the next MESSAGE may be sent, and counts it. */
imc_wait_t imc_pace_next(imc_pace_t *pace, imc_budget_t *budget);

/* Reports whether shared memory is so low that tm may have had none. */
int imc_shm_low(const imc_pace_t *pace);

/* Reports whether tm can have refused a MESSAGE for want of memory: it does
 * not say so in all cases. */
int imc_shm_refused(const imc_pace_t *pace);

/* Counts what a MESSAGE holds once tm has taken it. */
void imc_pace_taken(imc_ticket_t ticket);

/* Its final result has come, which counts once. Returns the ticket to keep. */
imc_ticket_t imc_pace_answered(imc_ticket_t ticket);

/* tm has freed it. */
void imc_pace_freed(imc_ticket_t ticket);

/* Says at the start if there is too little shared memory; in the engine. */
void imc_pace_start(void);

/* After each batch of the queue: lets others free memory if MESSAGEs have to
 * wait for it, and tells the log if they wait for long. */
void imc_pace_rest(const imc_ran_t *ran);

/* MESSAGEs that tm has and that have no final result yet, about. */
long imc_open(void);

/* Waits, for 5 ms at most, until few MESSAGEs are unanswered. The answers to a
 * big fan-out, sent as fast as tm goes, would fill the workers' socket, and
 * everyone else's requests would stand behind them or be lost. What is still
 * unanswered then is taken for members that are slow or never answer, and not
 * waited for again. */
void imc_wait_for_answers(void);

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

static inline imc_slice_t imc_slice(const str *s)
{
	imc_slice_t r = {s->s, s->len > 0 ? (uint64_t)s->len : 0};
	return r;
}

#endif
