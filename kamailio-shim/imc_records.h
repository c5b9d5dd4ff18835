/*
 * imc_records.h - reads the records that the engine library writes, and hands it
 * strings
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every read is checked against the end of its record: a record that is cut
 * or lies about a length sets imc_reader_t.bad and reads as zero or empty.
 */
#ifndef IMC_RECORDS_H
#define IMC_RECORDS_H

#include <stdint.h>

#include "core/str.h"

#include "imc_engine.h"

typedef struct imc_reader
{
	const char *p;
	const char *end;
	int bad;
} imc_reader_t;

/* One record: its kind and a reader over its payload. raw is the record as a
 * whole, from its length on. */
typedef struct imc_record
{
	int kind;
	imc_reader_t payload;
	str raw;
} imc_record_t;

/* A decoded IMC_REC_MESSAGE. All strings point into the record. */
typedef struct imc_message
{
	uint64_t id;
	int flags;
	str room;
	str from;
	str call_id;
	str content_type;
	str headers;
	str socket;
	str inviter;
	str body;
	uint32_t n_to;
	imc_reader_t to; /* n_to strings, for imc_read_str() */
	str raw;
} imc_message_t;

void imc_reader_init(imc_reader_t *r, const char *buf, uint32_t len);
uint32_t imc_read_u8(imc_reader_t *r);
uint32_t imc_read_u32(imc_reader_t *r);
uint64_t imc_read_u64(imc_reader_t *r);
str imc_read_str(imc_reader_t *r);

/* Takes the next record off r. Returns 1, 0 at the end, -1 if what is left is
 * no record. */
int imc_next_record(imc_reader_t *r, imc_record_t *rec);

/* Decodes a record of kind IMC_REC_MESSAGE. Returns 0, or -1 if it is cut. */
int imc_read_message(const imc_record_t *rec, imc_message_t *m);

/* Returns a string as the library takes it. */
static inline imc_slice_t imc_slice(const str *s)
{
	imc_slice_t r = {s->s, s->len > 0 ? (uint64_t)s->len : 0};
	return r;
}

#endif
