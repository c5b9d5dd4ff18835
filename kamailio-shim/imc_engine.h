/*
 * imc_engine.h - the whole boundary between imc.so (C, linked with Kamailio)
 * and imc_engine.so (Go, loaded with dlopen after fork)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ownership
 * ---------
 * - What C passes in (settings, requests, events, every imc_slice_t in them)
 *   belongs to C, is valid for the duration of the call, and is copied by Go
 *   before the call returns. Go keeps no pointer to it. The two exceptions
 *   are imc_settings_t.versions and .counters: shared memory that outlives
 *   the process.
 * - What Go hands out is written as records into imc_reply_t.buf, a buffer
 *   that belongs to C. Nothing is to be freed and no Go pointer is ever
 *   stored on the C side. What does not fit stays in Go: reply.more is set
 *   and imc_engine_more() writes the next records. Only whole records are
 *   written; a record never exceeds IMC_RECORD_MAX.
 * - Strings are pointer + length, may hold any byte, and end in no NUL.
 *
 * Threads
 * -------
 * - All functions are called from the main thread of a process, one at a
 *   time. Go never calls back into C: log lines and MESSAGEs are records.
 * - No function is called before fork, and the library is never unloaded.
 *
 * Errors
 * ------
 * - Every function recovers from a panic: it then returns
 *   IMC_ENGINE_EPANIC and the reply holds the stack as log records.
 */
#ifndef IMC_ENGINE_H
#define IMC_ENGINE_H

#include <stdint.h>

/* The version of this boundary; imc_engine_abi() of the library that is
 * loaded has to return the same number. */
#define IMC_ENGINE_ABI 3

/* The size of a reply buffer: room for one record of the longest kind, a
 * text of 64 KB with its recipients. */
#define IMC_RECORD_MAX (128 * 1024)
#define IMC_REPLY_MIN (2 * IMC_RECORD_MAX)

/* return values of the functions */
#define IMC_ENGINE_OK 0
#define IMC_ENGINE_EINVAL -1   /* called with something that cannot be */
#define IMC_ENGINE_ESTART -2   /* not started, or start failed */
#define IMC_ENGINE_EPANIC -3   /* recovered from a panic; see the log records */
#define IMC_ENGINE_ETIMEOUT -4 /* the engine process did not answer in time */

typedef struct imc_slice
{
	const char *s;
	uint64_t len;
} imc_slice_t;

/* roles of a process, a mask */
#define IMC_ROLE_WORKER 1 /* handles requests and queries */
#define IMC_ROLE_HOST 2	  /* owns the rooms: the "imc engine" process */

/* counters, one row of IMC_COUNTERS per process in shared memory; a process
 * adds to its own row only, the sum over the rows is the statistic */
enum imc_counter
{
	IMC_C_ROOMS = 0,   /* gauge, written by the host */
	IMC_C_MEMBERS,	   /* gauge, written by the host */
	IMC_C_TEXTS,	   /* texts accepted */
	IMC_C_COMMANDS,	   /* commands handled, accepted or not */
	IMC_C_REFUSED,	   /* texts and commands answered with a negative code */
	IMC_C_SENT,		   /* MESSAGEs handed to tm */
	IMC_C_QUEUED,	   /* gauge: MESSAGEs waiting in the paced sender */
	IMC_C_RETRIED,	   /* MESSAGEs queued again because tm had no memory */
	IMC_C_DROPPED,	   /* MESSAGEs given up: queue full, or left at a stop */
	IMC_C_SEND_FAILED, /* MESSAGEs that tm refused for another reason */
	IMC_C_UNDELIVERED, /* MESSAGEs whose final response was >= 300 or none */
	IMC_C_COMPLETED,   /* MESSAGEs that tm is done with, answered or not */
	IMC_C_TYPING,	   /* "is typing" accepted, not among the texts */
	IMC_C_RECEIPTS,	   /* delivery notifications, which go to nobody */
	IMC_C_LOOPED,	   /* texts refused: they came through too many rooms */
	IMC_C_HELD,		   /* gauge: bytes of shared memory that MESSAGEs hold;
						* rows may be negative, the sum counts */
	IMC_COUNTERS = 32  /* 256 bytes, four cache lines: rows share none */
};

typedef struct imc_settings
{
	int32_t roles; /* IMC_ROLE_... */
	int32_t db_mode;
	int32_t create_on_join;
	int32_t check_on_create;
	int32_t fanout_inline;	 /* recipients a worker sends to by itself */
	int32_t queue_size;		 /* MESSAGEs the paced sender holds at most */
	int32_t queue_bytes;	 /* bytes it holds at most */
	int32_t db_cache_ttl_ms; /* db_mode 2: age a room's rows may have */
	int32_t timeout_ms;		 /* how long a worker waits for the host */
	int32_t max_hops;		 /* rooms that a text may have come through */
	imc_slice_t version;	 /* of imc.so: the library has to be of the same */
	imc_slice_t db_url;
	imc_slice_t rooms_table;
	imc_slice_t members_table;
	imc_slice_t cmd_start_char; /* one byte */
	uint64_t *versions;			/* shared by all processes */
	uint64_t *counters;			/* this process's row */
	uint32_t n_versions;		/* a power of two */
	int32_t worker_fd;			/* worker: its end of its socket pair */
	const int32_t *host_fds;	/* host: its end of every pair */
	uint32_t n_host_fds;
} imc_settings_t;

/* A MESSAGE request, for imc_engine_handle(). */
typedef struct imc_request
{
	imc_slice_t from;		  /* URI of the From header, as it came */
	imc_slice_t request_uri;  /* as it came, or as the script rewrote it */
	imc_slice_t call_id;	  /* empty: none */
	imc_slice_t content_type; /* value of the header; empty: none */
	imc_slice_t headers;	  /* other header fields that matter to a room, as
							   * they came, each with its CRLF */
	imc_slice_t socket;		  /* where it was received, "udp:host:port" */
	imc_slice_t body;
} imc_request_t;

/* What a function hands out. C sets buf and cap once. */
typedef struct imc_reply
{
	char *buf;
	uint32_t cap;  /* at least IMC_REPLY_MIN */
	uint32_t len;  /* bytes of records in buf */
	int32_t code;  /* handle, query: the function's result for the script */
	uint32_t more; /* not 0: imc_engine_more() has more records */
} imc_reply_t;

/*
 * Records. Each is: uint32 length of what follows, uint8 kind, payload.
 * u8, u32, u64: unsigned, little endian, not aligned. str: u32 length, bytes.
 *
 * IMC_REC_MESSAGE  u64 id (0: sent by a worker), u8 flags, str room (key, for
 *                  log and queue), str from, str call_id, str content_type,
 *                  str headers (further header fields, each with its CRLF, to
 *                  be written as they are), str socket (to send from, as in
 *                  imc_request_t), str inviter, str body, u32 n, then n times
 *                  str to
 * IMC_REC_LOG      u8 level (syslog's, as L_ERR..L_DBG below), str text
 * IMC_REC_ROOM     str uri, u32 members, str owner
 * IMC_REC_MEMBER   str uri
 * IMC_REC_READY    nothing: the host has loaded everything and serves
 */
enum imc_record_kind
{
	IMC_REC_MESSAGE = 1,
	IMC_REC_LOG = 2,
	IMC_REC_ROOM = 3,
	IMC_REC_MEMBER = 4,
	IMC_REC_READY = 5
};

/* flags of IMC_REC_MESSAGE */
#define IMC_MSG_INVITATION 1 /* report a final response >= 300 as an event */
#define IMC_MSG_TYPING 2	 /* not to be sent to who refused such a thing */

/* levels of IMC_REC_LOG */
enum imc_log_level
{
	IMC_LOG_ERR = 1,
	IMC_LOG_WARN = 2,
	IMC_LOG_NOTICE = 3,
	IMC_LOG_INFO = 4,
	IMC_LOG_DBG = 5
};

/* imc_engine_query() */
enum imc_query
{
	IMC_Q_ROOM_ACTIVE = 1, /* room; code 1 or -1 */
	IMC_Q_ROOM_MEMBER = 2, /* room, user; code 1 or -1 */
	IMC_Q_LIST_ROOMS = 3,  /* IMC_REC_ROOM per room */
	IMC_Q_LIST_MEMBERS = 4 /* room; one IMC_REC_ROOM, then IMC_REC_MEMBERs;
							* code 1, -1 room not found, -2 invalid name */
};

/* imc_engine_event() */
enum imc_event_kind
{
	IMC_EV_UNSENT = 1, /* recipients first..n-1 of message have to wait, the
						* library queues them again; code is not 0 if that is
						* for shared memory: since tm had none, or, if a worker
						* was to send it, since less than the reserve is free */
	IMC_EV_SENT = 2,   /* host: all recipients of message were handed to tm */
	IMC_EV_INVITATION_FAILED = 3 /* room, user, inviter, call_id; code is the
								  * final response, 0 if tm refused to send */
};

typedef struct imc_event
{
	int32_t kind;
	int32_t code;	/* see the kinds */
	uint32_t first; /* first recipient that was not sent to */
	uint32_t reserved;
	imc_slice_t message; /* an IMC_REC_MESSAGE, from its length on */
	imc_slice_t room;	 /* URI */
	imc_slice_t user;	 /* URI: the invitee */
	imc_slice_t inviter; /* URI */
	imc_slice_t call_id; /* of the #invite */
	imc_slice_t socket;	 /* where the #invite was received */
} imc_event_t;

/*
 * The functions, at most ten. imc_engine_syms[] in imc_loader.c and the
 * exports of the library (nm -D) have to name the same.
 */

/* Returns IMC_ENGINE_ABI as the library was built. Called before any other. */
typedef uint32_t (*imc_engine_abi_f)(void);

/* Starts the library in this process in the given roles. In the host it
 * returns at once: IMC_REC_READY or an ERR log record and a negative return
 * of imc_engine_next() tell how the start ended. */
typedef int (*imc_engine_start_f)(const imc_settings_t *, imc_reply_t *);

/* Worker: handles one MESSAGE. reply.code is what imc_manager() returns. The
 * MESSAGE records are for the caller to send before anything else. */
typedef int (*imc_engine_handle_f)(const imc_request_t *, imc_reply_t *);

/* Worker: answers a question about rooms (enum imc_query). */
typedef int (*imc_engine_query_f)(
		int32_t what, imc_slice_t room, imc_slice_t user, imc_reply_t *);

/* Writes the records that did not fit into the last reply. */
typedef int (*imc_engine_more_f)(imc_reply_t *);

/* Takes a report (enum imc_event_kind); may answer with records. */
typedef int (*imc_engine_event_f)(const imc_event_t *, imc_reply_t *);

/* Host: waits at most timeout_ms for something to do on the main thread and
 * writes it: log records, and at most one MESSAGE record with an id, which is
 * to be sent and then reported with IMC_EV_SENT or IMC_EV_UNSENT. Negative:
 * the engine cannot go on. */
typedef int (*imc_engine_next_f)(int32_t timeout_ms, imc_reply_t *);

/* Ends the host: no more commands are taken, storage is closed. The queue can
 * still be taken with imc_engine_next() until it is empty. */
typedef int (*imc_engine_stop_f)(imc_reply_t *);

typedef struct imc_engine
{
	imc_engine_abi_f abi;
	imc_engine_start_f start;
	imc_engine_handle_f handle;
	imc_engine_query_f query;
	imc_engine_more_f more;
	imc_engine_event_f event;
	imc_engine_next_f next;
	imc_engine_stop_f stop;
} imc_engine_t;

#endif
