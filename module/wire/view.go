package wire

import (
	"strings"
	"unsafe"
)

// View is text in memory that belongs to somebody else: C's, the buffer of a
// socket, a ring of snapshots. It is valid as long as where it comes from says,
// mostly until a call returns. So it is no string: who keeps the text has to
// write a Copy.
type View struct{ text string }

// ViewOf views a string, which may be kept besides.
func ViewOf(s string) View { return View{s} }

// ViewBytes views b. It is valid until b is changed.
func ViewBytes(b []byte) View {
	return View{unsafe.String(unsafe.SliceData(b), len(b))} //nolint:gosec // see above
}

// Copy returns the text in memory of its own.
func (v View) Copy() string { return strings.Clone(v.text) }

// Peek returns the text where it is, for a call that keeps nothing of it.
func (v View) Peek() string { return v.text }

// Len returns the length in bytes.
func (v View) Len() int { return len(v.text) }
