package engine

import (
	"sync"
	"time"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/room"
)

// note logs what belongs to no request.
func (c *Conference) note(n log.Note) {
	if c.settings.Note != nil {
		c.settings.Note(n)
	}
}

// noteRarely logs a line that would be the same for many requests, at most once
// in rareNote for each subject.
func (c *Conference) noteRarely(subject string, n log.Note) {
	r := &c.rare
	now := time.Now()
	r.mu.Lock()
	last, told := r.told[subject]
	told = told && now.Sub(last) < rareNote
	if !told {
		if r.told == nil || len(r.told) >= maxRare {
			r.told = make(map[string]time.Time)
		}
		r.told[subject] = now
	}
	r.mu.Unlock()
	if !told {
		c.note(n)
	}
}

// Bounds of noteRarely.
const (
	rareNote = time.Minute
	maxRare  = 1024
)

// rare remembers when lines were logged.
type rare struct {
	mu   sync.Mutex // a leaf
	told map[string]time.Time
}

// Bytes that a line of the log shows of a name of a command, and of all else
// that somebody wrote.
const (
	shownOfName = room.MaxName
	shownInLog  = 256
)
