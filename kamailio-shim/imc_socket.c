/*
 * imc_socket.c - the socket from which MESSAGEs are sent
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Kamailio sends over UDP from the socket to which the sending process listens.
 * The engine process, and those for TCP, listen to none: Kamailio would take
 * the first one that is configured, and a text would reach some members from
 * another network than the others.
 */

#include <string.h>

#include "core/dprint.h"
#include "core/globals.h"
#include "core/socket_info.h"

#include "imc_params.h"
#include "imc_socket.h"

#define IMC_SOCKET_MAX 128 /* longest name of a socket that is remembered */

static struct
{
	struct socket_info *forced; /* of parameter send_socket; NULL: none */
	/* What this process looked up last: the name and the socket. Sockets never
	 * change while Kamailio runs. */
	char last[IMC_SOCKET_MAX];
	int last_len;
	struct socket_info *found;
} imc_socket;

int imc_socket_init(void)
{
	str *name = &imc_params.send_socket;

	if(name->s == NULL)
		return 0;
	imc_socket.forced = name->len > 0 ? ksr_get_socket_by_name(name) : NULL;
	if(imc_socket.forced == NULL && name->len > 0)
		imc_socket.forced = lookup_local_socket(name);
	if(imc_socket.forced == NULL) {
		LM_ERR("parameter send_socket is '%.*s': set it to a socket on which"
			   " this Kamailio listens, as \"udp:192.0.2.1:5060\" or the name"
			   " of a listen parameter\n",
				STR_FMT(name));
		return -1;
	}
	return 0;
}

struct socket_info *imc_forced_socket(void)
{
	return imc_socket.forced;
}

/* Finds a UDP socket with the address of another. */
static struct socket_info *imc_find_udp(const struct socket_info *other)
{
	struct socket_info **list = get_sock_info_list(PROTO_UDP);
	struct socket_info *si;

	for(si = list != NULL ? *list : NULL; si != NULL; si = si->next)
		if(!(si->flags & SI_IS_MCAST)
				&& ip_addr_cmp(&si->address, &other->address))
			return si;
	return NULL;
}

struct socket_info *imc_udp_socket(const str *name)
{
	struct socket_info *found;
	str key = *name;

	if(key.len <= 0)
		return NULL;
	if(key.len == imc_socket.last_len
			&& memcmp(key.s, imc_socket.last, key.len) == 0)
		return imc_socket.found;
	found = ksr_get_socket_by_listen(&key);
	if(found != NULL && found->proto != PROTO_UDP)
		found = imc_find_udp(found);
	imc_socket.found = found;
	imc_socket.last_len = 0;
	if(key.len <= (int)sizeof(imc_socket.last)) {
		memcpy(imc_socket.last, key.s, key.len);
		imc_socket.last_len = key.len;
	}
	return found;
}
