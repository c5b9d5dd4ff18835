/*
 * imc_loader.h - loads imc_engine.so, the Go part of the module
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_LOADER_H
#define IMC_LOADER_H

#include "imc_engine.h"

/* Finds out where the engine library is, beside imc.so. Called when that is
 * loaded: a daemon changes its directory later. */
void imc_loader_find(void);

/* Opens the file of the library, for all processes. Called in mod_init: nothing
 * is loaded, but a library that is not there stops the start. */
int imc_loader_init(void);

/* Loads the library into this process, once, for these roles (IMC_ROLE_...),
 * and checks its ABI. Returns its functions, or NULL (logged). */
const imc_engine_t *imc_load(int roles);

#endif
