/*
 * imc_proc.c - the processes of the module: which one has and runs what
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/cfg/cfg_struct.h"
#include "core/dprint.h"
#include "core/globals.h"
#include "core/pt.h"
#include "core/sr_module.h"

#include "imc_engine.h"
#include "imc_pace.h"
#include "imc_pairs.h"
#include "imc_proc.h"
#include "imc_ready.h"
#include "imc_reply.h"
#include "imc_result.h"
#include "imc_shared.h"
#include "imc_worker.h"

/* How long the engine process waits for work before it looks at its
 * configuration and at signals again. */
#define IMC_NEXT_MS 100

/* How long the queue is drained at a stop. Kamailio's main process waits for
 * its children; an operator expects the whole to end within 3 s. */
#define IMC_DRAIN_MS 1000

/* How long processes that were forked a moment ago are given to run for the
 * first time before a failed start ends. */
#define IMC_FORKED_US 200000

/* What of this is the matter in this process. */
static struct
{
	int forking; /* the engine is being forked: so the child knows that it is it */
	volatile sig_atomic_t terminated; /* the engine process got TERM */
} imc_proc = {0, 0};

int imc_proc_register(void)
{
	if(register_procs(1) < 0) {
		LM_ERR("cannot announce the engine process\n");
		return -1;
	}
	cfg_register_child(1);
	return 0;
}

int imc_proc_init(void)
{
	if(imc_shared_init() < 0 || imc_pace_init() < 0)
		return -1;
	return imc_pairs_init();
}

void imc_proc_close_others(void)
{
	if(dont_fork && process_no == 0)
		return;
	if(!imc_proc.forking)
		imc_pairs_close_hosts();
	imc_pairs_close_workers(imc_proc.forking ? -1 : process_no);
}

void imc_proc_close_main(void)
{
	if(dont_fork)
		return;
	imc_pairs_close_hosts();
	imc_pairs_close_workers(-1);
}

static void imc_on_term(int signo)
{
	(void)signo;
	imc_proc.terminated = 1;
}

/* Milliseconds since the start of the system. */
static long imc_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000L + t.tv_nsec / 1000000L;
}

/* Ends the engine: closes its storage, then sends what is still queued, for a
 * bounded time, and logs what remains. */
static void imc_drain(
		const imc_engine_t *engine, imc_reply_t *reply, imc_rest_t *rest)
{
	long end = imc_now_ms() + IMC_DRAIN_MS;
	uint64_t left;
	long open;
	imc_ran_t ran;

	engine->stop(reply);
	imc_run_reply(engine, reply);
	while(imc_now_ms() < end) {
		if(engine->next(0, reply) < 0 || reply->len == 0)
			break;
		ran = imc_run_reply(engine, reply);
		imc_pace_rest(rest, &ran.progress);
	}
	imc_log_undelivered(1);
	left = imc_counter_sum(IMC_C_QUEUED);
	if(left > 0)
		LM_WARN("stopped with %llu MESSAGEs not sent\n",
				(unsigned long long)left);
	/* over UDP most of them have arrived; over TCP the process that holds the
	 * connections may have ended before it wrote them */
	open = imc_open();
	if(open > 0)
		LM_WARN("stopped with %ld MESSAGEs sent and not answered\n", open);
}

/* Ends the engine process when the engine cannot go on. After a start that
 * failed the main process ends with an error of its own. Later it ends because
 * a child has ended, and with an error only if that was by a signal: whoever
 * watches it is to start it again. */
static void imc_give_up(void)
{
	LM_CRIT("the engine cannot go on\n");
	if(!imc_ready_told())
		_exit(1);
	abort();
}

/* The engine process. Does not return. */
static void imc_engine_main(void)
{
	imc_reply_t *reply = imc_reply_buf();
	const imc_engine_t *engine;
	struct sigaction sa;
	imc_rest_t rest = {0, 0, 0};
	imc_ran_t ran;

	/* Kamailio ends a child at once on TERM; this one has something to
	 * finish first. Set before the library is loaded: the Go runtime adds
	 * SA_ONSTACK to the handlers it finds. */
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = imc_on_term;
	sigaction(SIGTERM, &sa, NULL);
	/* INT reaches the whole foreground group; the main process follows up
	 * with TERM. */
	sa.sa_handler = SIG_IGN;
	sigaction(SIGINT, &sa, NULL);

	engine = imc_host();
	if(engine == NULL)
		_exit(1);

	imc_pace_start();
	while(!imc_proc.terminated) {
		cfg_update();
		if(engine->next(IMC_NEXT_MS, reply) < 0) {
			imc_run_reply(engine, reply);
			imc_give_up();
		}
		ran = imc_run_reply(engine, reply);
		imc_pace_rest(&rest, &ran.progress);
		imc_report_failed(engine);
		imc_wait_for_answers(&rest);
		imc_log_undelivered(0);
	}
	imc_drain(engine, reply, &rest);
	_exit(0);
}

int imc_proc_fork_engine(void)
{
	int pid;

	if(dont_fork)
		return 0; /* the one process is worker and host, see imc_worker() */

	if(imc_ready_init() < 0)
		return -1;
	/* PROC_RPC, not PROC_NOCHLDINIT: tm gives each process its own Call-IDs
	 * in child_init */
	imc_proc.forking = 1;
	pid = fork_process(PROC_RPC, "imc engine", 1);
	imc_proc.forking = 0;
	if(pid < 0) {
		LM_ERR("cannot fork the engine process\n");
		return -1;
	}
	if(pid == 0) {
		imc_ready_engine();
		if(cfg_child_init() < 0) {
			LM_ERR("cannot initialise the configuration framework\n");
			_exit(1);
		}
		imc_engine_main();
	}
	imc_pairs_close_hosts();
	if(imc_ready_wait() < 0) {
		LM_ERR("the imc engine did not start: see the lines above\n");
		/* Kamailio sends its processes TERM now. One that was forked but has
		 * not run yet still thinks it is the main process and only takes a
		 * note of it: on a busy machine the end would then wait for Kamailio's
		 * exit_timeout, a minute. */
		usleep(IMC_FORKED_US);
		return -1;
	}
	return 0;
}
