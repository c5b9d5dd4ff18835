/*
 * caller.c - calls imc_engine.so as imc.so does: a worker and an engine
 * process that load it after the fork, over a socket pair and shared memory
 *
 * Usage: caller LIBRARY; exits with 0 if all went as it should.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "imc_engine.h"

#define N_VERSIONS 1024

#define CHECK(cond)                                                    \
	do {                                                               \
		if(!(cond)) {                                                  \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			exit(1);                                                   \
		}                                                              \
	} while(0)

static imc_engine_t e;
static imc_settings_t settings;
static imc_reply_t reply;

static void load(const char *path)
{
	void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if(lib == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	CHECK((e.abi = (imc_engine_abi_f)dlsym(lib, "imc_engine_abi")));
	CHECK((e.start = (imc_engine_start_f)dlsym(lib, "imc_engine_start")));
	CHECK((e.handle = (imc_engine_handle_f)dlsym(lib, "imc_engine_handle")));
	CHECK((e.query = (imc_engine_query_f)dlsym(lib, "imc_engine_query")));
	CHECK((e.more = (imc_engine_more_f)dlsym(lib, "imc_engine_more")));
	CHECK((e.event = (imc_engine_event_f)dlsym(lib, "imc_engine_event")));
	CHECK((e.next = (imc_engine_next_f)dlsym(lib, "imc_engine_next")));
	CHECK((e.stop = (imc_engine_stop_f)dlsym(lib, "imc_engine_stop")));
	CHECK(e.abi() == IMC_ENGINE_ABI);
	reply.cap = IMC_REPLY_MIN;
	CHECK((reply.buf = malloc(reply.cap)));
}

/* A slice in memory of its own of exactly its length, so that a read beyond
 * it is seen by the address sanitizer. */
static imc_slice_t slice(const void *s, size_t len)
{
	char *copy = malloc(len ? len : 1);
	imc_slice_t out = {copy, len};

	CHECK(copy != NULL);
	memcpy(copy, s, len);
	return out;
}

static imc_slice_t str(const char *s)
{
	return slice(s, strlen(s));
}

static void drop(imc_slice_t s)
{
	free((char *)s.s);
}

/* Checks that the reply holds whole records and returns the number of those
 * of one kind; *first is the first of them. */
static int count(int kind, imc_slice_t *first)
{
	uint32_t at = 0, len;
	int n = 0;

	CHECK(reply.len <= reply.cap);
	while(at < reply.len) {
		CHECK(reply.len - at >= 5);
		memcpy(&len, reply.buf + at, 4);
		CHECK(len >= 1 && len <= reply.len - at - 4);
		if(reply.buf[at + 4] == kind && n++ == 0 && first != NULL) {
			first->s = reply.buf + at;
			first->len = 4 + (uint64_t)len;
		}
		at += 4 + len;
	}
	return n;
}

static int handle(
		const char *from, const char *to, const void *body, size_t len)
{
	imc_request_t r = {
			str(from), str(to), str("call-id"), str(""), str("Subject: s\r\n"),
			str("udp:127.0.0.1:5060"), slice(body, len)};
	int ret = e.handle(&r, &reply);

	/* the request is C's: nothing may look at it from here on */
	drop(r.from);
	drop(r.request_uri);
	drop(r.call_id);
	drop(r.content_type);
	drop(r.headers);
	drop(r.socket);
	drop(r.body);
	CHECK(ret == IMC_ENGINE_OK);
	count(0, NULL);
	return reply.code;
}

static int handle_text(const char *from, const char *to, const char *body)
{
	return handle(from, to, body, strlen(body));
}

static int query(int what, const char *room, const char *user)
{
	imc_slice_t r = str(room), u = str(user);
	int ret = e.query(what, r, u, &reply);

	drop(r);
	drop(u);
	CHECK(ret == IMC_ENGINE_OK);
	return reply.code;
}

static int event(int kind, imc_slice_t record, uint32_t first)
{
	imc_event_t ev;
	imc_slice_t copy = slice(record.s, record.len);
	int ret;

	memset(&ev, 0, sizeof(ev));
	ev.kind = kind;
	ev.first = first;
	ev.message = copy;
	ret = e.event(&ev, &reply);
	drop(copy);
	return ret;
}

#define ROOM "sip:room@example.org"
#define ALICE "sip:alice@example.org"
#define BOB "sip:bob@example.org"
#define ROOMS 5000

/* Waits until the host has loaded its rooms: before, it refuses at once. */
static void await_host(void)
{
	imc_slice_t none = {NULL, 0};
	int i;

	for(i = 0; e.query(IMC_Q_LIST_ROOMS, none, none, &reply) != IMC_ENGINE_OK;
			i++) {
		CHECK(i < 10000);
		usleep(1000);
	}
}

static void worker(void)
{
	imc_slice_t message = {NULL, 0};
	char name[64], body[65535];
	unsigned int random = 1;
	int i, j, rooms, kinds;

	CHECK(e.handle(NULL, &reply) == IMC_ENGINE_ESTART);
	CHECK(e.start(NULL, &reply) == IMC_ENGINE_EINVAL);
	CHECK(e.start(&settings, &reply) == IMC_ENGINE_OK);
	CHECK(e.start(&settings, &reply) == IMC_ENGINE_EINVAL);

	await_host();
	CHECK(handle_text(ALICE, ROOM, "#create") == 1);
	CHECK(count(IMC_REC_MESSAGE, NULL) == 1);
	CHECK(handle_text(BOB, ROOM, "#join") == 1);
	for(i = 0; i < 1000; i++) {
		CHECK(handle_text(ALICE, ROOM, "hello") == 1);
		CHECK(count(IMC_REC_MESSAGE, &message) == 1);
	}
	CHECK(event(IMC_EV_UNSENT, message, 0) == IMC_ENGINE_OK);
	CHECK(reply.code == 1); /* the host sends it now, see below */

	memset(body, 'x', sizeof(body));
	CHECK(handle(ALICE, ROOM, body, sizeof(body)) == 1);
	CHECK(query(IMC_Q_ROOM_MEMBER, ROOM, BOB) == 1);
	CHECK(query(IMC_Q_ROOM_ACTIVE, "sip:none@example.org", "") == -1);

	for(i = 0; i < ROOMS; i++) {
		snprintf(name, sizeof(name),
				"sip:a-room-with-a-long-name-%d@example.org", i);
		CHECK(handle_text(ALICE, name, "#create") == 1);
	}
	CHECK(query(IMC_Q_LIST_ROOMS, "", "") == 1);
	rooms = count(IMC_REC_ROOM, NULL);
	CHECK(reply.more);
	while(reply.more) {
		CHECK(e.more(&reply) == IMC_ENGINE_OK);
		rooms += count(IMC_REC_ROOM, NULL);
	}
	CHECK(rooms == ROOMS + 1);

	/* garbage, from every side */
	for(i = 0; i < 3000; i++) {
		size_t len = (size_t)rand_r(&random) % 300;
		for(j = 0; j < (int)len; j++)
			body[j] = (char)rand_r(&random);
		if(len > 0 && i % 2)
			body[0] = '#';
		snprintf(name, sizeof(name), "sip:%.*s", (int)len % 50, body);
		handle(i % 3 ? ALICE : name, i % 5 ? ROOM : "", body, len);
		message.s = body;
		message.len = len;
		for(kinds = 0; kinds < 5; kinds++)
			event(kinds, message, (uint32_t)i % 7);
	}
	CHECK(handle_text(ALICE, ROOM, "still here") == 1);
}

static void host(int done)
{
	imc_slice_t message;
	int messages = 0, ready = 0, pending = 0;
	char c;

	CHECK(e.start(&settings, &reply) == IMC_ENGINE_OK);
	for(;;) {
		CHECK(e.next(50, &reply) == IMC_ENGINE_OK);
		ready += count(IMC_REC_READY, NULL);
		pending = count(IMC_REC_MESSAGE, &message);
		CHECK(pending <= 1);
		if(pending) {
			messages++;
			CHECK(event(messages == 1 ? IMC_EV_UNSENT : IMC_EV_SENT, message, 0)
					== IMC_ENGINE_OK);
			continue;
		}
		if(reply.len == 0 && recv(done, &c, 1, MSG_DONTWAIT) >= 0)
			break;
	}
	CHECK(ready == 1);
	CHECK(messages >= 2); /* the one that came back, and its second try */
	CHECK(e.stop(&reply) == IMC_ENGINE_OK);
	CHECK(e.next(0, &reply) == IMC_ENGINE_OK);
}

int main(int argc, char **argv)
{
	size_t size = (N_VERSIONS + 2 * IMC_COUNTERS) * sizeof(uint64_t);
	int pair[2], done[2], status;
	int32_t fd;
	uint64_t *shared;
	pid_t pid;

	CHECK(argc == 2);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, done) == 0);
	shared = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	settings.fanout_inline = 32;
	settings.queue_size = 1000;
	settings.queue_bytes = 1 << 20;
	settings.timeout_ms = 10000;
	settings.create_on_join = settings.check_on_create = 1;
	settings.versions = shared;
	settings.n_versions = N_VERSIONS;
	settings.counters = shared + N_VERSIONS;
	settings.cmd_start_char = str("#");
	settings.worker_fd = -1;

	pid = fork();
	CHECK(pid >= 0);
	if(pid == 0) {
		close(pair[0]);
		close(done[0]);
		fd = pair[1];
		settings.roles = IMC_ROLE_HOST;
		settings.host_fds = &fd;
		settings.n_host_fds = 1;
		settings.counters += IMC_COUNTERS;
		load(argv[1]);
		host(done[1]);
		exit(0);
	}
	close(pair[1]);
	close(done[1]);
	settings.roles = IMC_ROLE_WORKER;
	settings.worker_fd = pair[0];
	load(argv[1]);
	worker();
	close(done[0]); /* the host ends once its queue is empty */
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
	CHECK(shared[N_VERSIONS + IMC_C_TEXTS] >= 1001);
	CHECK(shared[N_VERSIONS + IMC_COUNTERS + IMC_C_ROOMS] >= ROOMS + 1);
	CHECK(shared[N_VERSIONS + IMC_COUNTERS + IMC_C_QUEUED] == 0);
	puts("ok");
	return 0;
}
