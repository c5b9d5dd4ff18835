package wire

import "encoding/binary"

// Integers are little endian and not aligned, a str is a u32 length and that
// many bytes: in records, in frames and in snapshots.

// AppendU32 appends an integer.
func AppendU32(dst []byte, v uint32) []byte {
	return binary.LittleEndian.AppendUint32(dst, v)
}

// AppendU64 appends an integer.
func AppendU64(dst []byte, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(dst, v)
}

// AppendStr appends a str.
func AppendStr[S string | []byte](dst []byte, s S) []byte {
	return append(AppendU32(dst, uint32(len(s))), s...)
}

// StrSize is the length of a str field.
func StrSize(s string) int { return 4 + len(s) }

// Decoder reads fields off bytes. It never reads past their end: once a field
// does not fit, every further field is zero and Ok reports false.
type Decoder struct {
	rest []byte
	bad  bool
}

// NewDecoder returns a decoder of b.
func NewDecoder(b []byte) Decoder { return Decoder{rest: b} }

// Ok reports whether all fields so far did fit.
func (d *Decoder) Ok() bool { return !d.bad }

// Done reports whether everything was read and nothing is left over.
func (d *Decoder) Done() bool { return !d.bad && len(d.rest) == 0 }

// Rest returns what is left.
func (d *Decoder) Rest() []byte { return d.rest }

func (d *Decoder) skip(n int) []byte {
	if d.bad || n < 0 || n > len(d.rest) {
		d.bad = true
		d.rest = nil
		return nil
	}
	v := d.rest[:n]
	d.rest = d.rest[n:]
	return v
}

// U8 reads a byte.
func (d *Decoder) U8() byte {
	if v := d.skip(1); v != nil {
		return v[0]
	}
	return 0
}

// U32 reads an integer.
func (d *Decoder) U32() uint32 {
	if v := d.skip(4); v != nil {
		return binary.LittleEndian.Uint32(v)
	}
	return 0
}

// U64 reads an integer.
func (d *Decoder) U64() uint64 {
	if v := d.skip(8); v != nil {
		return binary.LittleEndian.Uint64(v)
	}
	return 0
}

// Str reads a str, which is a part of what is decoded.
func (d *Decoder) Str() []byte {
	n := d.U32()
	if d.bad || uint64(n) > uint64(len(d.rest)) {
		d.bad = true
		d.rest = nil
		return nil
	}
	return d.skip(int(n))
}

// view reads a str as a view.
func (d *Decoder) view() View { return ViewBytes(d.Str()) }

// copy reads a str as a string of its own.
func (d *Decoder) copy() string { return string(d.Str()) }
