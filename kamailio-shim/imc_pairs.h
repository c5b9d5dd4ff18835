/*
 * imc_pairs.h - the sockets between the processes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_PAIRS_H
#define IMC_PAIRS_H

#include <stdint.h>

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

#endif
