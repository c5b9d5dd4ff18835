package module

import "encoding/binary"

// Integers are little endian and not aligned, a str is a u32 length and that
// many bytes: in records and in frames.

func appendU32(dst []byte, v uint32) []byte {
	return binary.LittleEndian.AppendUint32(dst, v)
}

func appendU64(dst []byte, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(dst, v)
}

func appendStr[S string | []byte](dst []byte, s S) []byte {
	return append(appendU32(dst, uint32(len(s))), s...)
}

// decoder reads fields off b. It never reads past the end: once a field does
// not fit, bad is set and every further field is zero.
type decoder struct {
	b   []byte
	bad bool
}

// done reports whether everything was read and nothing is left over.
func (d *decoder) done() bool { return !d.bad && len(d.b) == 0 }

func (d *decoder) skip(n int) []byte {
	if d.bad || n < 0 || n > len(d.b) {
		d.bad = true
		d.b = nil
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) u8() byte {
	if v := d.skip(1); v != nil {
		return v[0]
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if v := d.skip(4); v != nil {
		return binary.LittleEndian.Uint32(v)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if v := d.skip(8); v != nil {
		return binary.LittleEndian.Uint64(v)
	}
	return 0
}

// str returns a part of b.
func (d *decoder) str() []byte {
	n := d.u32()
	if d.bad || uint64(n) > uint64(len(d.b)) {
		d.bad = true
		d.b = nil
		return nil
	}
	return d.skip(int(n))
}
