/*
 * imc_script.h - functions for the routing script
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * w_ forms are called from kamailio.cfg, ki_ forms through KEMI.
 */
#ifndef IMC_SCRIPT_H
#define IMC_SCRIPT_H

#include "core/parser/msg_parser.h"

/* Handles a MESSAGE request: a command or a text to a room. Returns 1, or the
 * negative code that docs/parameters.md lists. */
int ki_imc_manager(sip_msg_t *msg);
int w_imc_manager(sip_msg_t *msg, char *p1, char *p2);

/* Returns 1 if there is a room with this URI, otherwise -1. */
int ki_imc_room_active(sip_msg_t *msg, str *room);
int w_imc_room_active(sip_msg_t *msg, char *room, char *p2);

/* Returns 1 if the user with this URI is a member of the room, otherwise -1. */
int ki_imc_room_member(sip_msg_t *msg, str *room, str *user);
int w_imc_room_member(sip_msg_t *msg, char *room, char *user);

#endif
