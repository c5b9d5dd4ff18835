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

static imc_pair_t *imc_pairs = NULL;
static int imc_n_pairs = 0;

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
			(unsigned long)lim.rlim_max, imc_n_pairs, made);
	return -1;
}

int imc_pairs_init(void)
{
	int i, fds[2];

	imc_n_pairs = get_max_procs();
	imc_pairs = pkg_malloc(imc_n_pairs * sizeof(*imc_pairs));
	if(imc_pairs == NULL) {
		PKG_MEM_ERROR;
		return -1;
	}
	for(i = 0; i < imc_n_pairs; i++) {
		if(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
			return imc_pairs_failed(i);
		imc_pairs[i].worker = fds[0];
		imc_pairs[i].host = fds[1];
		if(i == 0) /* the numbers tell how many are open already */
			imc_raise_limit((rlim_t)fds[1] + IMC_FDS_OTHERS
							+ (rlim_t)imc_n_pairs * IMC_FDS_PER_PROCESS);
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

	for(i = 0; i < imc_n_pairs; i++)
		imc_close(&imc_pairs[i].host);
}

void imc_pairs_close_workers(int but)
{
	int i;

	for(i = 0; i < imc_n_pairs; i++) {
		if(i != but)
			imc_close(&imc_pairs[i].worker);
	}
}

int imc_pairs_worker(int no)
{
	return imc_pairs[no].worker;
}

int32_t *imc_pairs_hosts(uint32_t *n)
{
	int32_t *fds = pkg_malloc(imc_n_pairs * sizeof(*fds));
	int i;

	if(fds == NULL) {
		PKG_MEM_ERROR;
		return NULL;
	}
	for(i = 0; i < imc_n_pairs; i++)
		fds[i] = imc_pairs[i].host;
	*n = (uint32_t)imc_n_pairs;
	return fds;
}
