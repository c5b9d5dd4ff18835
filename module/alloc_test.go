package module

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/module/moduletest"
	"kamailio-imc/module/wire"
)

// sendText has a worker handle a text as the C side does, and reports whether
// it goes on.
func sendText(w *moduletest.Caller, p *Process) bool {
	reply := w.Begin()
	r := wire.Request{
		From: wire.ViewOf("sip:user0@example.org"), RequestURI: wire.ViewOf(room), CallID: wire.ViewOf("call"),
		ContentType: wire.ViewOf("text/plain"), Body: text,
		Headers: wire.ViewOf("Supported: outbound, path\r\nSubject: greetings\r\nContent-Language: en\r\n"),
	}
	return p.Handle(&r, reply) == wire.StatusOK && reply.Code == 1
}

var text = []byte("How are you today?")

func TestTextAllocatesNothing(t *testing.T) {
	for _, members := range []int{2, 10, 30} {
		w := start(t, 1, nil).ready().Workers[0]
		p := w.Process.(*Process)
		w.MakeRoom(room, members)
		require.True(t, sendText(w, p))
		assert.Zero(t, testing.AllocsPerRun(100, func() { sendText(w, p) }), "%d members", members)
	}
}

func BenchmarkWorkerText(b *testing.B) {
	for _, members := range []int{2, 10, 33} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			s := start(b, 1, nil).ready()
			w := s.Workers[0]
			p := w.Process.(*Process)
			w.MakeRoom(room, members)
			s.Host.Drain()
			b.ReportAllocs()
			for b.Loop() {
				if !sendText(w, p) {
					b.Fatal("text refused")
				}
			}
		})
	}
}

// BenchmarkHostText is a text that goes to the host each time.
func BenchmarkHostText(b *testing.B) {
	s := start(b, 1, nil).ready()
	w := s.Workers[0]
	p := w.Process.(*Process)
	w.MakeRoom(room, 10)
	b.ReportAllocs()
	for b.Loop() {
		s.Versions.Raise([]byte("room@example.org"))
		if !sendText(w, p) {
			b.Fatal("text refused")
		}
	}
}
