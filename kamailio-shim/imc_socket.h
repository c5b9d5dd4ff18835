/*
 * imc_socket.h - the socket from which MESSAGEs are sent
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_SOCKET_H
#define IMC_SOCKET_H

#include "core/ip_addr.h"
#include "core/str.h"

/* Finds the socket of parameter send_socket; in mod_init. */
int imc_socket_init(void);

/* The socket of parameter send_socket, NULL if it is not set. */
struct socket_info *imc_forced_socket(void);

/* The UDP socket to send from for a request that was received on the socket of
 * this name: the same one, or, if that is of another transport, one with its
 * address. NULL if there is none. */
struct socket_info *imc_udp_socket(const str *name);

#endif
