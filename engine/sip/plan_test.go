package sip_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"kamailio-imc/engine/sip"
)

func TestPlanTextDoesNotAllocate(t *testing.T) {
	r := &sip.Request{From: "sip:user20@example.org", RequestURI: testRoom, ContentType: "text/plain", Body: []byte("hello")}
	r.Headers = "Supported: outbound, path\r\nDate: Tue, 24 Nov 2026 17:00:00 GMT\r\n"
	buf := make([]byte, 0, 256)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		content := sip.Classify(r, '#', 1)
		plan := sip.PlanText(buf, "sip:user20@example.org", &content)
		if !content.GoesOn() || len(plan.Headers) == 0 {
			t.Fail()
		}
	}))
}

func BenchmarkPlanText(b *testing.B) {
	r := &sip.Request{From: "sip:bob@example.org", RequestURI: testRoom, ContentType: "text/plain", Body: []byte("hello")}
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		content := sip.Classify(r, '#', 1)
		sip.PlanText(buf, "sip:bob@example.org", &content)
	}
}
