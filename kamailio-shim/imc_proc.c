/*
 * imc_proc.c - the processes of the module: which one runs what, and the
 * memory that they share
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
#include "core/mem/mem.h"
#include "core/mem/shm_mem.h"
#include "core/pt.h"
#include "core/sr_module.h"

#include "imc_mod.h"

/* How long the engine process waits for work before it looks at its
 * configuration and at signals again. */
#define IMC_NEXT_MS 100

/* How long the queue is drained at a stop. Kamailio's main process waits for
 * its children; an operator expects the whole to end within 3 s. */
#define IMC_DRAIN_MS 1000

/* How long processes that were forked a moment ago are given to run for the
 * first time before a failed start ends. */
#define IMC_FORKED_US 200000

/* Two processes must not write to one line of the processor's cache. */
#define IMC_CACHE_LINE 64

/* In shared memory, made before fork. */
typedef struct imc_shared
{
	uint64_t versions[IMC_VERSIONS];
	uint64_t counters[][IMC_COUNTERS]; /* a row per process */
} imc_shared_t;

static imc_shared_t *imc_shared = NULL;
static int imc_procs = 0;

/* set while the main process forks the engine, so that the child knows */
static int imc_forking_engine = 0;

static volatile sig_atomic_t imc_terminated = 0;

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
	uintptr_t p;
	size_t size;

	imc_procs = get_max_procs();
	size = sizeof(*imc_shared) + imc_procs * sizeof(imc_shared->counters[0]);
	p = (uintptr_t)shm_malloc(size + IMC_CACHE_LINE - 1);
	if(p == 0) {
		SHM_MEM_ERROR;
		return -1;
	}
	p = (p + IMC_CACHE_LINE - 1) & ~(uintptr_t)(IMC_CACHE_LINE - 1);
	imc_shared = (imc_shared_t *)p;
	memset(imc_shared, 0, size);
	return imc_pace_init() < 0 ? -1 : imc_pairs_init();
}

void imc_proc_close_others(void)
{
	if(dont_fork && process_no == 0)
		return;
	if(!imc_forking_engine)
		imc_pairs_close_hosts();
	imc_pairs_close_workers(imc_forking_engine ? -1 : process_no);
}

void imc_proc_close_main(void)
{
	if(dont_fork)
		return;
	imc_pairs_close_hosts();
	imc_pairs_close_workers(-1);
}

static void imc_fill_settings(imc_settings_t *s, int roles)
{
	static str version = str_init(IMC_VERSION);

	memset(s, 0, sizeof(*s));
	s->version = imc_slice(&version);
	s->roles = roles;
	s->db_mode = imc_params.db_mode;
	s->create_on_join = imc_params.create_on_join;
	s->check_on_create = imc_params.check_on_create;
	s->fanout_inline = imc_params.fanout_inline;
	s->queue_size = imc_params.queue_size;
	s->queue_bytes = imc_params.queue_bytes;
	s->db_cache_ttl_ms = imc_params.db_cache_ttl;
	s->timeout_ms = IMC_TIMEOUT_MS;
	s->max_hops = imc_params.max_hops;
	s->db_url = imc_slice(&imc_params.db_url);
	s->rooms_table = imc_slice(&imc_params.rooms_table);
	s->members_table = imc_slice(&imc_params.members_table);
	s->cmd_start_char = imc_slice(&imc_params.cmd_start_char);
	s->cmd_start_char.len = 1;
	s->versions = imc_shared->versions;
	s->n_versions = IMC_VERSIONS;
	s->counters = imc_shared->counters[process_no];
	s->worker_fd = imc_pairs_worker(process_no);
}

/* The library in this process, NULL until it is started. */
static const imc_engine_t *imc_started = NULL;
static int imc_start_failed = 0;

/* Loads the library and starts it in these roles, once. host_fds as in
 * imc_settings_t. */
static void imc_start(int roles, const int32_t *host_fds, uint32_t n_host_fds)
{
	const imc_engine_t *engine;
	imc_reply_t *reply = imc_reply_buf();
	imc_settings_t s;
	int rc;

	imc_start_failed = 1;
	if(reply == NULL || (engine = imc_load(roles)) == NULL)
		return;
	imc_fill_settings(&s, roles);
	s.host_fds = host_fds;
	s.n_host_fds = n_host_fds;
	rc = engine->start(&s, reply);
	imc_run_reply(engine, reply);
	if(rc != IMC_ENGINE_OK) {
		LM_ERR("the engine did not start in process %d (%d)\n", process_no, rc);
		return;
	}
	imc_start_failed = 0;
	imc_started = engine;
}

/* Starts the host in this process with its ends of all pairs. It answers what
 * a route asks here as well: that of a MESSAGE that it sends itself. */
static void imc_start_host(void)
{
	uint32_t n;
	int32_t *fds = imc_pairs_hosts(&n);

	imc_start_failed = 1;
	if(fds == NULL)
		return;
	imc_start(IMC_ROLE_WORKER | IMC_ROLE_HOST, fds, n);
	pkg_free(fds);
}

static void imc_on_term(int signo)
{
	(void)signo;
	imc_terminated = 1;
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
static void imc_drain(const imc_engine_t *engine, imc_reply_t *reply)
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
		imc_pace_rest(&ran);
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

	imc_start_host();
	engine = imc_started;
	if(engine == NULL)
		_exit(1);

	imc_pace_start();
	while(!imc_terminated) {
		cfg_update();
		if(engine->next(IMC_NEXT_MS, reply) < 0) {
			imc_run_reply(engine, reply);
			imc_give_up();
		}
		ran = imc_run_reply(engine, reply);
		imc_pace_rest(&ran);
		imc_report_failed(engine);
		imc_wait_for_answers();
		imc_log_undelivered(0);
	}
	imc_drain(engine, reply);
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
	imc_forking_engine = 1;
	pid = fork_process(PROC_RPC, "imc engine", 1);
	imc_forking_engine = 0;
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

const imc_engine_t *imc_worker(void)
{
	if(imc_started != NULL || imc_start_failed)
		return imc_started;
	if(dont_fork && process_no == 0) {
		imc_start_host(); /* Kamailio's timers and ctl are workers beside it */
	} else if(_ksr_is_main) {
		LM_ERR("not available in the main process\n");
		imc_start_failed = 1;
	} else {
		imc_start(IMC_ROLE_WORKER, NULL, 0);
	}
	return imc_started;
}

void imc_pump(void)
{
	const imc_engine_t *engine;
	imc_reply_t *reply;

	if(!dont_fork || process_no != 0 || (engine = imc_worker()) == NULL)
		return;
	imc_report_failed(engine);
	imc_log_undelivered(0);
	reply = imc_reply_buf();
	while(engine->next(0, reply) == IMC_ENGINE_OK && reply->len > 0) {
		if(imc_run_reply(engine, reply).wait)
			break; /* tried again after the next request */
	}
}

uint64_t imc_counter_sum(enum imc_counter c)
{
	uint64_t sum = 0;
	int i;

	if(imc_shared == NULL)
		return 0;
	for(i = 0; i < imc_procs; i++)
		sum += __atomic_load_n(&imc_shared->counters[i][c], __ATOMIC_RELAXED);
	return sum;
}

void imc_counter_add(enum imc_counter c, uint64_t n)
{
	__atomic_fetch_add(
			&imc_shared->counters[process_no][c], n, __ATOMIC_RELAXED);
}
