/*
 * imc_loader.c - loads imc_engine.so, the Go part of the module
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#define _GNU_SOURCE /* dladdr() */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/dprint.h"

#include "imc_loader.h"
#include "imc_sigstack.h"

#define IMC_ENGINE_FILE "imc_engine.so"

/* The longest sleep of a worker's Go threads is this much longer. */
#define IMC_WORKER_SLACK_NS (10 * 1000 * 1000UL)

/* The library. All of it but the last two is the same in all processes. */
static struct
{
	char path[PATH_MAX]; /* absolute, empty if it is not known */
	int fd;				 /* survives fork, not exec */
	struct stat stat;	 /* of the file as it was at the start */
	imc_engine_t functions;
	int loaded; /* in this process, and so these functions are found */
} imc_library = {.fd = -1};

/* The symbols of the library and where they go. Whatever is listed here has
 * to be exported by the library, and nothing else is. */
static const struct
{
	const char *name;
	void **slot;
} imc_engine_syms[] = {
		{"imc_engine_abi", (void **)&imc_library.functions.abi},
		{"imc_engine_start", (void **)&imc_library.functions.start},
		{"imc_engine_handle", (void **)&imc_library.functions.handle},
		{"imc_engine_query", (void **)&imc_library.functions.query},
		{"imc_engine_more", (void **)&imc_library.functions.more},
		{"imc_engine_event", (void **)&imc_library.functions.event},
		{"imc_engine_next", (void **)&imc_library.functions.next},
		{"imc_engine_stop", (void **)&imc_library.functions.stop},
};

void imc_loader_find(void)
{
	Dl_info info;
	const char *slash;
	size_t at = 0, dir;

	if(dladdr((void *)&imc_library, &info) == 0 || info.dli_fname == NULL)
		return;
	slash = strrchr(info.dli_fname, '/');
	dir = slash ? (size_t)(slash - info.dli_fname) + 1 : 0;
	if(*info.dli_fname != '/') {
		if(getcwd(imc_library.path, sizeof(imc_library.path)) == NULL)
			*imc_library.path = '\0';
		at = strlen(imc_library.path);
		imc_library.path[at++] = '/';
	}
	if(at + dir + sizeof(IMC_ENGINE_FILE) > sizeof(imc_library.path)) {
		*imc_library.path = '\0';
		return;
	}
	memcpy(imc_library.path + at, info.dli_fname, dir);
	memcpy(imc_library.path + at + dir, IMC_ENGINE_FILE,
			sizeof(IMC_ENGINE_FILE));
}

int imc_loader_init(void)
{
	if(*imc_library.path == '\0') {
		LM_ERR("cannot find out where imc.so was loaded from: use an absolute"
			   " mpath\n");
		return -1;
	}
	imc_library.fd = open(imc_library.path, O_RDONLY | O_CLOEXEC);
	if(imc_library.fd < 0 || fstat(imc_library.fd, &imc_library.stat) < 0) {
		LM_ERR("cannot read %s: %s: install it in the same directory as"
			   " imc.so\n",
				imc_library.path, strerror(errno));
		return -1;
	}
	return 0;
}

/* Reports whether a path leads to the library as it was at the start. */
static int imc_is_engine(const char *path)
{
	struct stat now;

	return stat(path, &now) == 0 && now.st_dev == imc_library.stat.st_dev
		   && now.st_ino == imc_library.stat.st_ino
		   && now.st_size == imc_library.stat.st_size
		   && now.st_mtim.tv_sec == imc_library.stat.st_mtim.tv_sec
		   && now.st_mtim.tv_nsec == imc_library.stat.st_mtim.tv_nsec;
}

/* dlopen() starts the Go runtime and with it threads, which inherit from this
 * one two things that are set for the time being:
 * - All signals are blocked: Kamailio's handlers must only ever run on the
 *   main thread.
 * - In a worker the timer slack is large. The runtime's monitor thread sleeps
 *   for 20 us at a time whenever the library was called lately, which costs a
 *   worker more than the calls themselves. Nothing in it depends on Go's
 *   timers, so that thread may wake up late. */
static void *imc_dlopen(const char *path, int worker)
{
	sigset_t all, before;
	void *lib;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if(worker)
		prctl(PR_SET_TIMERSLACK, IMC_WORKER_SLACK_NS, 0UL, 0UL, 0UL);
	lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if(worker) /* 0: this thread's default */
		prctl(PR_SET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return lib;
}

/* Opens the library of the start, also if another one was installed over it:
 * processes that open it one after the other have to have the same. */
static void *imc_open_engine(int worker)
{
	char path[32];
	void *lib = NULL;
	int changed = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", imc_library.fd);
	if(imc_is_engine(path)) {
		lib = imc_dlopen(path, worker);
	} else if(imc_is_engine(imc_library.path)) {
		/* there is no /proc, as in a chroot: the name has to do */
		lib = imc_dlopen(imc_library.path, worker);
		changed = !imc_is_engine(imc_library.path);
	} else {
		changed = 1;
	}
	if(changed) {
		LM_ERR("%s is not the one that Kamailio was started with: restart"
			   " Kamailio\n",
				imc_library.path);
		return NULL;
	}
	if(lib == NULL)
		LM_ERR("cannot load %s: %s\n", imc_library.path, dlerror());
	return lib;
}

const imc_engine_t *imc_load(int roles)
{
	void *lib;
	uint32_t abi;
	size_t i;

	if(imc_library.loaded)
		return &imc_library.functions;

	if(imc_sigstack() < 0)
		return NULL;
	lib = imc_open_engine(roles == IMC_ROLE_WORKER);
	if(lib == NULL)
		return NULL;
	for(i = 0; i < sizeof(imc_engine_syms) / sizeof(imc_engine_syms[0]); i++) {
		*imc_engine_syms[i].slot = dlsym(lib, imc_engine_syms[i].name);
		if(*imc_engine_syms[i].slot == NULL) {
			LM_ERR("%s has no function %s: install imc.so and %s of one "
				   "build\n",
					imc_library.path, imc_engine_syms[i].name, IMC_ENGINE_FILE);
			return NULL;
		}
	}
	abi = imc_library.functions.abi();
	if(abi != IMC_ENGINE_ABI) {
		LM_ERR("%s speaks version %u of the boundary, imc.so version %u:"
			   " install both of one build\n",
				imc_library.path, abi, (unsigned int)IMC_ENGINE_ABI);
		return NULL;
	}
	imc_library.loaded = 1;
	return &imc_library.functions;
}
