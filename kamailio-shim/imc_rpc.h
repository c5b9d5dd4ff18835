/*
 * imc_rpc.h - RPC commands imc.list_rooms and imc.list_members
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_RPC_H
#define IMC_RPC_H

/* Registers them; in mod_init. */
int imc_rpc_init(void);

#endif
