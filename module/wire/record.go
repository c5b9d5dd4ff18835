package wire

import (
	"encoding/binary"

	"kamailio-imc/engine/log"
)

// Limits of the boundary, in bytes; imc_engine.h defines the same numbers.
const (
	RecordMax = 128 * 1024    // a record, its length field included
	ReplyMin  = 2 * RecordMax // the least capacity of a reply buffer
)

// Kinds of records, as in enum imc_record.
const (
	RecordMessage = 1
	RecordLog     = 2
	RecordRoom    = 3
	RecordMember  = 4
	RecordReady   = 5
)

// maxLogText bounds a log line, so that a record of it always fits.
const maxLogText = 8 * 1024

// recordHead is the part of a record before its payload: length and kind.
const recordHead = 4 + 1

// NextRecord splits the first record, its length field included, off b. It
// reports false if b does not begin with a whole record of legal length.
func NextRecord(b []byte) (record, rest []byte, ok bool) {
	if len(b) < recordHead {
		return nil, b, false
	}
	n := int64(binary.LittleEndian.Uint32(b))
	if n < 1 || n > RecordMax-4 || n > int64(len(b)-4) {
		return nil, b, false
	}
	return b[:4+n], b[4+n:], true
}

// RecordKind returns the kind of a whole record and a decoder of its payload.
func RecordKind(record []byte) (kind byte, payload Decoder) {
	return record[4], NewDecoder(record[recordHead:])
}

// LogSize is the length of the LOG record of a line.
func LogSize(text string) int { return recordHead + 1 + 4 + min(len(text), maxLogText) }

// AppendLog appends a LOG record; text is cut at 8 KB.
func AppendLog(dst []byte, level log.Level, text string) []byte {
	text = text[:min(len(text), maxLogText)]
	dst = AppendU32(dst, uint32(1+1+StrSize(text)))
	dst = append(dst, RecordLog, byte(level))
	return AppendStr(dst, text)
}

// AppendRoom appends a ROOM record.
func AppendRoom(dst []byte, uri string, members int, owner string) []byte {
	dst = AppendU32(dst, uint32(1+StrSize(uri)+4+StrSize(owner)))
	dst = append(dst, RecordRoom)
	dst = AppendStr(dst, uri)
	dst = AppendU32(dst, uint32(members))
	return AppendStr(dst, owner)
}

// AppendMember appends a MEMBER record.
func AppendMember(dst []byte, uri string) []byte {
	dst = AppendU32(dst, uint32(1+StrSize(uri)))
	dst = append(dst, RecordMember)
	return AppendStr(dst, uri)
}

// AppendReady appends the READY record.
func AppendReady(dst []byte) []byte {
	return append(AppendU32(dst, 1), RecordReady)
}
