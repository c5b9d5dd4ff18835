/*
 * imc_worker.c - the engine library as it runs in this process
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <string.h>

#include "core/dprint.h"
#include "core/globals.h"
#include "core/mem/mem.h"
#include "core/pt.h"

#include "imc_engine.h"
#include "imc_loader.h"
#include "imc_pairs.h"
#include "imc_params.h"
#include "imc_records.h"
#include "imc_reply.h"
#include "imc_result.h"
#include "imc_shared.h"
#include "imc_worker.h"

/* How long a process waits for the answer of the "imc engine" process. The
 * engine gives up its own work earlier and says so. */
#define IMC_TIMEOUT_MS 4000

/* The library in this process. */
static struct
{
	const imc_engine_t *engine; /* NULL until it is started */
	int failed;					/* it could not be started: not tried again */
} imc_started = {NULL, 0};

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
	s->versions = imc_versions();
	s->n_versions = IMC_VERSIONS;
	s->counters = imc_counters();
	s->worker_fd = imc_pairs_worker(process_no);
}

/* Loads the library and starts it in these roles, once. host_fds as in
 * imc_settings_t. */
static void imc_start(int roles, const int32_t *host_fds, uint32_t n_host_fds)
{
	const imc_engine_t *engine;
	imc_reply_t *reply = imc_reply_buf();
	imc_settings_t s;
	int rc;

	imc_started.failed = 1;
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
	imc_started.failed = 0;
	imc_started.engine = engine;
}

/* It answers what a route asks here as well: that of a MESSAGE that it sends
 * itself. */
const imc_engine_t *imc_host(void)
{
	uint32_t n;
	int32_t *fds = imc_pairs_hosts(&n);

	imc_started.failed = 1;
	if(fds == NULL)
		return NULL;
	imc_start(IMC_ROLE_WORKER | IMC_ROLE_HOST, fds, n);
	pkg_free(fds);
	return imc_started.engine;
}

const imc_engine_t *imc_worker(void)
{
	if(imc_started.engine != NULL || imc_started.failed)
		return imc_started.engine;
	if(dont_fork && process_no == 0)
		return imc_host(); /* Kamailio's timers and ctl are workers beside it */
	if(_ksr_is_main) {
		LM_ERR("not available in the main process\n");
		imc_started.failed = 1;
		return NULL;
	}
	imc_start(IMC_ROLE_WORKER, NULL, 0);
	return imc_started.engine;
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
		if(imc_run_reply(engine, reply).progress.wait)
			break; /* tried again after the next request */
	}
}
