/*
 * imc_worker.h - the engine library as it runs in this process
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_WORKER_H
#define IMC_WORKER_H

#include "imc_engine.h"

/* Returns the library in this process, loaded and started if it is not yet;
 * NULL if it cannot be (logged once). */
const imc_engine_t *imc_worker(void);

/* Starts the library in this process as the host, which has the host's ends of
 * all socket pairs. Returns it, or NULL (logged). */
const imc_engine_t *imc_host(void);

/* In fork=no mode sends what the engine has queued; otherwise nothing. */
void imc_pump(void);

#endif
