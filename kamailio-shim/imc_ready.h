/*
 * imc_ready.h - how the main process waits for the engine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_READY_H
#define IMC_READY_H

/* Makes the pipe by which the engine process says that it serves, before that
 * is forked. */
int imc_ready_init(void);

/* In the engine process: keeps its end of the pipe only. */
void imc_ready_engine(void);

/* Tells the main process, once, that the engine serves. */
void imc_tell_ready(void);

/* Reports whether the main process was told. */
int imc_ready_told(void);

/* Waits, in the main process, until the engine serves. Its load may take
 * long: it logs its progress. Returns -1 if it ended instead, or if a signal
 * ends the start. */
int imc_ready_wait(void);

#endif
