/*
 * imc_pairs.c - the sockets between the processes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One socket pair per Kamailio process is made before anything is forked.
 * The first end of a pair belongs to the process with that number (the
 * worker), the second to the "imc engine" process (the host).
 */

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/dprint.h"
#include "core/globals.h"
#include "core/mem/mem.h"
#include "core/pt.h"

#include "imc_pairs.h"

/* What the main process has open for each process while it forks: the two
 * ends of ours, and two that Kamailio itself opens for a TCP worker. */
#define IMC_FDS_PER_PROCESS 4

/* What else it may open meanwhile. */
#define IMC_FDS_OTHERS 64

typedef struct imc_pair
{
	int worker;
	int host;
} imc_pair_t;

/* Made before fork. An end that this process has closed is -1. */
static struct
{
	int n; /* as many as processes */
	imc_pair_t *pair;
} imc_pairs = {0, NULL};

/* Raises the soft limit of open files to need, or to the hard limit if that is
 * lower. It stays so: the processes need less than the one that forks them. */
static void imc_raise_limit(rlim_t need)
{
	struct rlimit lim;

	if(getrlimit(RLIMIT_NOFILE, &lim) < 0 || lim.rlim_cur >= need)
		return;
	lim.rlim_cur = need < lim.rlim_max ? need : lim.rlim_max;
	if(setrlimit(RLIMIT_NOFILE, &lim) < 0)
		LM_WARN("cannot raise the limit of open files to %lu: %s\n",
				(unsigned long)lim.rlim_cur, strerror(errno));
}

static int imc_pairs_failed(int made)
{
	struct rlimit lim = {0, 0};

	if(errno != EMFILE) {
		LM_ERR("cannot create the sockets of the engine process: %s\n",
				strerror(errno));
		return -1;
	}
	getrlimit(RLIMIT_NOFILE, &lim);
	LM_ERR("the limit of open files, %lu, is too low for %d processes (sockets"
		   " for %d could be made): raise it (LimitNOFILE= of the service,"
		   " or ulimit -n), or lower children\n",
			(unsigned long)lim.rlim_max, imc_pairs.n, made);
	return -1;
}

int imc_pairs_init(void)
{
	int i, fds[2];

	imc_pairs.n = get_max_procs();
	imc_pairs.pair = pkg_malloc(imc_pairs.n * sizeof(*imc_pairs.pair));
	if(imc_pairs.pair == NULL) {
		PKG_MEM_ERROR;
		return -1;
	}
	for(i = 0; i < imc_pairs.n; i++) {
		if(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
			return imc_pairs_failed(i);
		imc_pairs.pair[i].worker = fds[0];
		imc_pairs.pair[i].host = fds[1];
		if(i == 0) /* the numbers tell how many are open already */
			imc_raise_limit((rlim_t)fds[1] + IMC_FDS_OTHERS
							+ (rlim_t)imc_pairs.n * IMC_FDS_PER_PROCESS);
	}
	return 0;
}

static void imc_close(int *fd)
{
	if(*fd >= 0)
		close(*fd);
	*fd = -1;
}

void imc_pairs_close_hosts(void)
{
	int i;

	for(i = 0; i < imc_pairs.n; i++)
		imc_close(&imc_pairs.pair[i].host);
}

void imc_pairs_close_workers(int but)
{
	int i;

	for(i = 0; i < imc_pairs.n; i++) {
		if(i != but)
			imc_close(&imc_pairs.pair[i].worker);
	}
}

int imc_pairs_worker(int no)
{
	return imc_pairs.pair[no].worker;
}

int32_t *imc_pairs_hosts(uint32_t *n)
{
	int32_t *fds = pkg_malloc(imc_pairs.n * sizeof(*fds));
	int i;

	if(fds == NULL) {
		PKG_MEM_ERROR;
		return NULL;
	}
	for(i = 0; i < imc_pairs.n; i++)
		fds[i] = imc_pairs.pair[i].host;
	*n = (uint32_t)imc_pairs.n;
	return fds;
}
