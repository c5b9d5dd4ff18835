/*
 * imc_ready.c - how the main process waits for the engine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/dprint.h"

#include "imc_ready.h"

/* How long the main process waits before it looks at signals again. */
#define IMC_READY_MS 100

/* pipe from the engine process to the main process: one byte when it serves */
static int imc_ready[2] = {-1, -1};

static void imc_close(int *fd)
{
	if(*fd >= 0)
		close(*fd);
	*fd = -1;
}

int imc_ready_init(void)
{
	if(pipe(imc_ready) < 0) {
		LM_ERR("cannot create a pipe: %s\n", strerror(errno));
		return -1;
	}
	return 0;
}

void imc_ready_engine(void)
{
	imc_close(&imc_ready[0]);
}

int imc_ready_told(void)
{
	return imc_ready[1] < 0;
}

void imc_tell_ready(void)
{
	char c = 1;

	if(imc_ready[1] < 0)
		return;
	if(write(imc_ready[1], &c, 1) != 1)
		LM_ERR("cannot tell the main process that the engine serves: %s\n",
				strerror(errno));
	imc_close(&imc_ready[1]);
}

/* The last signal of the main process, which Kamailio looks at only when all
 * is started; until then it takes a note of no other. In core's main.c, and in
 * no header. */
extern int sig_flag;

/* Reports whether a signal ends the start. */
static int imc_start_ended(void)
{
	int sig = *(volatile int *)&sig_flag;
	siginfo_t child;

	switch(sig) {
		case 0:
			return 0;
		case SIGTERM:
		case SIGINT:
			LM_NOTICE("signal %d ends the start\n", sig);
			return 1;
		case SIGCHLD:
			memset(&child, 0, sizeof(child));
			if(waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0
					&& child.si_pid != 0) {
				LM_ERR("process %d ended during the start\n",
						(int)child.si_pid);
				return 1;
			}
	}
	/* nothing that Kamailio would do now: a TERM must not be lost over it */
	sig_flag = 0;
	return 0;
}

int imc_ready_wait(void)
{
	struct pollfd p = {.fd = imc_ready[0], .events = POLLIN};
	char c;
	ssize_t n;

	imc_close(&imc_ready[1]);
	for(;;) {
		n = poll(&p, 1, IMC_READY_MS);
		if(n > 0)
			n = read(imc_ready[0], &c, 1);
		if(n > 0 || (n == 0 && p.revents != 0) || (n < 0 && errno != EINTR)
				|| imc_start_ended())
			break;
	}
	imc_close(&imc_ready[0]);
	return n == 1 ? 0 : -1;
}
