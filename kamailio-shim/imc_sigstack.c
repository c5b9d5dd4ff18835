/*
 * imc_sigstack.c - the stack that Kamailio's signal handlers run on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The Go runtime adds SA_ONSTACK to the handlers that it finds, and gives the
 * thread an alternate stack of 32 KB if it has none. Kamailio's handlers log,
 * some walk through its memory, and core's JSON logging alone has 32 KB of
 * buffer on the stack: they would write beyond that end, over whatever is
 * there.
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/dprint.h"

#include "imc_sigstack.h"

/* Kamailio handles seven signals, and each of them may interrupt the others'
 * handlers: room for JSON logging in all of them at once, twice over. Pages
 * that are never touched cost nothing. */
#define IMC_SIGSTACK_SIZE (512 * 1024)

int imc_sigstack(void)
{
	stack_t now, own;
	size_t guard = (size_t)sysconf(_SC_PAGESIZE);
	char *p;

	if(sigaltstack(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE)
			&& now.ss_size >= IMC_SIGSTACK_SIZE)
		return 0; /* somebody else's, as good as ours */

	/* A handler that needs even more than this faults on the guard page
	 * instead of writing over other memory. */
	p = mmap(NULL, guard + IMC_SIGSTACK_SIZE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	if(p == MAP_FAILED) {
		LM_ERR("no memory for the stack of signal handlers: %s\n",
				strerror(errno));
		return -1;
	}
	memset(&own, 0, sizeof(own));
	own.ss_sp = p + guard;
	own.ss_size = IMC_SIGSTACK_SIZE;
	if(mprotect(own.ss_sp, own.ss_size, PROT_READ | PROT_WRITE) < 0
			|| sigaltstack(&own, NULL) < 0) {
		LM_ERR("cannot set the stack of signal handlers: %s\n",
				strerror(errno));
		munmap(p, guard + IMC_SIGSTACK_SIZE);
		return -1;
	}
	return 0;
}
