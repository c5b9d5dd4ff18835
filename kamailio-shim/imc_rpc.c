/*
 * imc_rpc.c - RPC commands imc.list_rooms and imc.list_members
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "core/dprint.h"
#include "core/rpc.h"
#include "core/rpc_lookup.h"

#include "imc_engine.h"
#include "imc_records.h"
#include "imc_reply.h"
#include "imc_rpc.h"
#include "imc_worker.h"

/* A list that is being written: where its rows go. */
typedef struct imc_list
{
	rpc_t *rpc;
	void *ctx;
	void *members; /* the array of imc.list_members */
	int full;	   /* the reply takes no more */
} imc_list_t;

static void imc_list_room(imc_list_t *list, imc_reader_t *r)
{
	str uri = imc_read_str(r);
	int members = (int)imc_read_u32(r);
	str owner = imc_read_str(r);
	void *row;

	if(list->rpc->add(list->ctx, "{", &row) < 0
			|| list->rpc->struct_add(row, "SdS", "room", &uri, "members",
					   members, "owner", &owner)
					   < 0)
		list->full = 1;
}

static void imc_list_members_head(imc_list_t *list, imc_reader_t *r)
{
	str uri = imc_read_str(r);
	int count = (int)imc_read_u32(r);
	void *row;

	if(list->rpc->add(list->ctx, "{", &row) < 0
			|| list->rpc->struct_add(row, "S[d", "room", &uri, "members",
					   &list->members, "count", count)
					   < 0)
		list->full = 1;
}

static void imc_list_member(imc_list_t *list, imc_reader_t *r)
{
	str uri = imc_read_str(r);

	if(list->rpc->array_add(list->members, "S", &uri) < 0)
		list->full = 1;
}

/* Writes the records of a reply, as long as they fit. */
static void imc_list_records(imc_list_t *list, int what, imc_reply_t *reply)
{
	imc_reader_t r;
	imc_record_t rec;

	imc_reader_init(&r, reply->buf, reply->len);
	while(!list->full && imc_next_record(&r, &rec) > 0) {
		if(rec.kind == IMC_REC_MEMBER)
			imc_list_member(list, &rec.payload);
		else if(rec.kind != IMC_REC_ROOM)
			imc_log_record(&rec);
		else if(what == IMC_Q_LIST_ROOMS)
			imc_list_room(list, &rec.payload);
		else
			imc_list_members_head(list, &rec.payload);
	}
}

/* Asks the engine and writes its answer. Returns the code of the answer, or
 * 0 after a fault was set. */
static int imc_list(const char *name, int what, str *room, imc_list_t *list)
{
	static const imc_slice_t none = {NULL, 0};
	const imc_engine_t *engine = imc_worker();
	imc_reply_t *reply = imc_reply_buf();
	int rc = IMC_ENGINE_ESTART;

	if(engine != NULL && reply != NULL)
		rc = engine->query(what, room ? imc_slice(room) : none, none, reply);
	while(rc == IMC_ENGINE_OK) {
		imc_list_records(list, what, reply);
		if(list->full) {
			/* what follows is thrown away with the next question */
			LM_ERR("%s: the list is longer than a reply of the RPC transport"
				   " can be: see docs/parameters.md\n",
					name);
			list->rpc->fault(
					list->ctx, 500, "The list does not fit into a reply");
			return 0;
		}
		if(!reply->more)
			return reply->code;
		rc = engine->more(reply);
	}
	if(engine != NULL && reply != NULL)
		imc_run_reply(engine, reply); /* says why */
	list->rpc->fault(list->ctx, 500,
			rc == IMC_ENGINE_ETIMEOUT ? "The engine does not answer"
									  : "Server error");
	return 0;
}

static void imc_rpc_list_rooms(rpc_t *rpc, void *ctx)
{
	imc_list_t list = {rpc, ctx, NULL, 0};

	imc_list("imc.list_rooms", IMC_Q_LIST_ROOMS, NULL, &list);
}

static void imc_rpc_list_members(rpc_t *rpc, void *ctx)
{
	imc_list_t list = {rpc, ctx, NULL, 0};
	str room;

	if(rpc->scan(ctx, "S", &room) < 1) {
		rpc->fault(ctx, 500, "No room name");
		return;
	}
	/* a lone dot stands for an empty argument of kamcmd */
	if(room.s == NULL || room.len == 0 || *room.s == '\0' || *room.s == '.') {
		rpc->fault(ctx, 500, "Empty room name");
		return;
	}
	switch(imc_list("imc.list_members", IMC_Q_LIST_MEMBERS, &room, &list)) {
		case -1:
			rpc->fault(ctx, 500, "Room not found");
			break;
		case -2:
			rpc->fault(ctx, 500, "Invalid room name");
			break;
	}
}

static const char *imc_rpc_list_rooms_doc[] = {
		"List the rooms: for each its URI, the number of its members and the"
		" URI of its owner.",
		0};

static const char *imc_rpc_list_members_doc[] = {
		"List the members of a room. Parameter: the room's SIP URI.", 0};

static rpc_export_t imc_rpc_cmds[] = {
		{"imc.list_rooms", imc_rpc_list_rooms, imc_rpc_list_rooms_doc,
				RET_ARRAY},
		{"imc.list_members", imc_rpc_list_members, imc_rpc_list_members_doc, 0},
		{0, 0, 0, 0}};

int imc_rpc_init(void)
{
	if(rpc_register_array(imc_rpc_cmds) != 0) {
		LM_ERR("cannot register the RPC commands\n");
		return -1;
	}
	return 0;
}
