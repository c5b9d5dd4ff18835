/*
 * imc_proc.h - the processes of the module: which one has and runs what
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_PROC_H
#define IMC_PROC_H

/* Announces the engine process; in mod_init. */
int imc_proc_register(void);

/* Creates shared memory and the socket pairs, before anything is forked. */
int imc_proc_init(void);

/* Forks the engine process and waits until it serves (rank PROC_MAIN). */
int imc_proc_fork_engine(void);

/* Keeps, of all socket ends, only that of this process. */
void imc_proc_close_others(void);

/* Closes all socket ends in the main process, when nothing is forked any
 * more. */
void imc_proc_close_main(void);

#endif
