/*
 * imc_records.c - reads the records that the engine library writes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <string.h>

#include "imc_engine.h"
#include "imc_records.h"

void imc_reader_init(imc_reader_t *r, const char *buf, uint32_t len)
{
	r->p = buf;
	r->end = buf + len;
	r->bad = 0;
}

/* Returns the next n bytes and steps over them, or NULL. */
static const char *imc_take(imc_reader_t *r, uint64_t n)
{
	const char *p = r->p;

	if(r->bad || (uint64_t)(r->end - r->p) < n) {
		r->bad = 1;
		return NULL;
	}
	r->p += n;
	return p;
}

static uint64_t imc_read_uint(imc_reader_t *r, int size)
{
	const unsigned char *p = (const unsigned char *)imc_take(r, size);
	uint64_t v = 0;
	int i;

	if(p == NULL)
		return 0;
	for(i = size - 1; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

uint32_t imc_read_u8(imc_reader_t *r)
{
	return (uint32_t)imc_read_uint(r, 1);
}

uint32_t imc_read_u32(imc_reader_t *r)
{
	return (uint32_t)imc_read_uint(r, 4);
}

uint64_t imc_read_u64(imc_reader_t *r)
{
	return imc_read_uint(r, 8);
}

str imc_read_str(imc_reader_t *r)
{
	str s = STR_NULL;
	uint32_t len = imc_read_u32(r);
	const char *p = imc_take(r, len);

	if(p != NULL) {
		s.s = (char *)p;
		s.len = (int)len;
	}
	return s;
}

int imc_next_record(imc_reader_t *r, imc_record_t *rec)
{
	uint32_t len;

	if(r->p >= r->end)
		return 0;
	rec->raw.s = (char *)r->p;
	len = imc_read_u32(r);
	imc_reader_init(&rec->payload, imc_take(r, len), len);
	if(r->bad)
		return -1;
	rec->raw.len = (int)(r->p - rec->raw.s);
	rec->kind = (int)imc_read_u8(&rec->payload);
	return rec->payload.bad ? -1 : 1;
}

int imc_read_message(const imc_record_t *rec, imc_message_t *m)
{
	imc_reader_t r = rec->payload;

	m->id = imc_read_u64(&r);
	m->flags = (int)imc_read_u8(&r);
	m->room = imc_read_str(&r);
	m->from = imc_read_str(&r);
	m->call_id = imc_read_str(&r);
	m->content_type = imc_read_str(&r);
	m->headers = imc_read_str(&r);
	m->socket = imc_read_str(&r);
	m->inviter = imc_read_str(&r);
	m->body = imc_read_str(&r);
	m->n_to = imc_read_u32(&r);
	m->to = r;
	m->raw = rec->raw;
	return r.bad ? -1 : 0;
}
