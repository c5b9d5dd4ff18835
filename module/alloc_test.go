package module

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"kamailio-imc/engine"
)

func textRequest() *engine.Request {
	return &engine.Request{
		From: user(0), RequestURI: room, CallID: "call",
		ContentType: "text/plain", Body: []byte("How are you today?"),
		Headers: "Supported: outbound, path\r\nSubject: greetings\r\nContent-Language: en\r\n",
	}
}

func TestTextAllocatesNothing(t *testing.T) {
	for _, members := range []int{2, 10, 30} {
		s := start(t, 1, nil).ready()
		w := s.workers[0]
		w.room(room, members)
		r := textRequest()
		text := func() {
			reply := w.replies.Begin(w.buf)
			if w.p.Handle(r, reply) != StatusOK || reply.Code != 1 {
				t.Fatal("text refused")
			}
		}
		text()
		assert.Zero(t, testing.AllocsPerRun(100, text), "%d members", members)
	}
}

func BenchmarkWorkerText(b *testing.B) {
	for _, members := range []int{2, 10, 33} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			s := start(b, 1, nil).ready()
			w := s.workers[0]
			w.room(room, members)
			s.host.drain()
			r := textRequest()
			b.ReportAllocs()
			for b.Loop() {
				reply := w.replies.Begin(w.buf)
				if w.p.Handle(r, reply) != StatusOK || reply.Code != 1 {
					b.Fatal("text refused")
				}
			}
		})
	}
}

// BenchmarkHostText is a text that goes to the host each time.
func BenchmarkHostText(b *testing.B) {
	s := start(b, 1, nil).ready()
	w := s.workers[0]
	w.room(room, 10)
	r := textRequest()
	b.ReportAllocs()
	for b.Loop() {
		s.versions[hash("room@example.org")&uint64(len(s.versions)-1)].Add(1)
		reply := w.replies.Begin(w.buf)
		if w.p.Handle(r, reply) != StatusOK || reply.Code != 1 {
			b.Fatal("text refused")
		}
	}
}
