/*
 * imc_sigstack.h - the stack that Kamailio's signal handlers run on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_SIGSTACK_H
#define IMC_SIGSTACK_H

/* Gives signal handlers a stack that is large enough for Kamailio's, for the
 * life of the process; before the library is loaded. Returns -1 if there is
 * none (logged). */
int imc_sigstack(void);

#endif
