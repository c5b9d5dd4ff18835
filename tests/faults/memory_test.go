package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kamailio-imc/tests/await"
	"kamailio-imc/tests/sipua"
)

func big(i int) string { return fmt.Sprintf("big%d", i) }

// tenant has somebody else take shared memory until only so much is left.
func tenant(left int64) func(r *run) func() {
	return func(r *run) func() {
		s := r.scenes[0]
		chunk := []byte(strings.Repeat("t", 16<<10))
		for {
			m, err := s.SharedMemory()
			require.NoError(r.t, err)
			if m.Free <= left {
				break
			}
			for range min(10, 1+(m.Free-left)/int64(len(chunk))) {
				res, err := s.farm.Send(s.ctx, sipua.Request{Method: "INFO", URI: uri("tenant"), From: "<" + uri("tenant") + ">", Body: chunk})
				require.NoError(r.t, err)
				require.Equal(r.t, 200, res.Code)
			}
		}
		return func() {
			_, err := s.RPC("htable.flush", "tenant")
			require.NoError(r.t, err)
		}
	}
}

// bigTexts sends texts of a size to the room chat-big and waits until all of
// its members have got all of them.
func bigTexts(count, size int, limit time.Duration) func(s *scene) {
	return func(s *scene) {
		ids := s.say(count, size)
		members := s.run.room
		err := await.Try(limit, func() error {
			for i, id := range ids {
				if n := len(s.inbox.receivers(id)); n != members-1 {
					return fmt.Errorf("%d of %d members have text %d", n, members-1, i)
				}
			}
			return nil
		})
		if err != nil {
			s.t.Errorf("db_mode %d: not within %v: %v", s.mode, limit, err)
		}
	}
}

// say sends texts to the room chat-big and gives their Call-IDs. Each has to
// be accepted.
func (s *scene) say(count, size int) (ids []string) {
	for i := range count {
		id := s.farm.NewCallID()
		ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
		res, err := s.farm.Send(ctx, message(big(i%s.run.room), "chat-big", id, "text/plain", strings.Repeat("x", size)))
		cancel()
		if err != nil || res.Get("X-RC") != "1" {
			s.t.Errorf("db_mode %d: text %d of %d bytes to %d members: %v %v", s.mode, i, size, s.run.room, res, err)
		}
		ids = append(ids, id)
	}
	return ids
}

// hungry sends big texts to members who do not answer, and sees that so much
// shared memory stays free.
func hungry(count, size int, least int64) func(s *scene) {
	return func(s *scene) {
		done := make(chan struct{})
		var watch sync.WaitGroup
		lowest := int64(1 << 60)
		watch.Go(func() {
			for {
				if m, err := s.SharedMemory(); err == nil {
					lowest = min(lowest, m.Free)
				}
				select {
				case <-done:
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
		s.say(count, size)
		time.Sleep(usual / 2) // what they leave behind is there now
		close(done)
		watch.Wait()
		s.t.Logf("%d bytes of shared memory were free at least", lowest)
		assert.GreaterOrEqual(s.t, lowest, least, "bytes of shared memory that stayed free")
	}
}

// answerers makes the members of chat-big slow to answer; never: they do not
// answer at all.
const never = -1

func answerers(delay time.Duration) func(r *run) func() {
	return func(r *run) func() {
		set := func(code int, delay time.Duration) {
			for _, s := range r.scenes {
				for i := range r.room {
					s.farm.Answer(uri(big(i)), code)
					s.farm.AnswerAfter(uri(big(i)), delay)
				}
			}
		}
		if delay == never {
			set(sipua.Silence, 0)
		} else {
			set(200, delay)
		}
		return func() { set(200, 0) }
	}
}

var errStill = errors.New("it goes on")
