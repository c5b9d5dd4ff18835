package main

import (
	"context"
	"time"

	"kamailio-imc/tests/bench/load"
	"kamailio-imc/tests/bench/rig"
)

// The small room that the big one is compared with.
const smallSize = 10

// Two users who are in no room.
const (
	outsider = 9999999
	invitee  = 9999998
)

// How many pairs of commands a run makes.
const (
	joinPairs   = 20 // each of them costs two broadcasts
	invitePairs = 1000
	// joinEvery leaves time to a broadcast and its answers, in which the next
	// command would have to wait in the workers' socket.
	joinEvery = 250 * time.Millisecond
)

// membership measures what it costs to change the members of a big room, and
// the same in a small one. A join is broadcast to all members, which costs far
// more than the change itself: its reply time tells of the change, since the
// reply goes out when the change is in force. Invite and reject change the
// members too and send one MESSAGE, so there processor time can be compared.
func membership(ctx context.Context, b *bench) error {
	b.results.Commands = nil
	r := rig.New()
	defer r.Close()
	type entry struct {
		s    *rig.Server
		size int
	}
	var servers []entry
	for _, kind := range []rig.Kind{rig.Ours, rig.Stock} {
		for _, size := range []int{smallSize, bigSize} {
			s, err := b.withBigRoom(r, kind, "tlsf", ampleMB, size)
			if err != nil {
				return err
			}
			servers = append(servers, entry{s, size})
		}
	}
	for round := range b.repeats {
		for _, e := range servers {
			b.progress("%s, members of a room of %d: round %d of %d", e.s.Spec.Kind, e.size, round+1, b.repeats)
			err := b.commands(ctx, e.s, "join and leave", round, e.size, 2*joinPairs, joinEvery, func(i int) load.Request {
				q := load.Request{From: outsider, Size: e.size, Body: "#join", Due: e.size}
				if i%2 == 1 {
					q.Body = "#leave"
				}
				return q
			})
			if err != nil {
				return err
			}
			err = b.commands(ctx, e.s, "invite and reject", round, e.size, 2*invitePairs, 0, func(i int) load.Request {
				if i%2 == 1 {
					return load.Request{From: invitee, Size: e.size, Body: "#reject"}
				}
				return load.Request{Size: e.size, Body: "#invite " + load.MemberURI(invitee) + " " + load.RoomURI(0)}
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) commands(ctx context.Context, s *rig.Server, what string, round, size, n int,
	every time.Duration, request func(int) load.Request,
) error {
	before := s.CPU()
	res, err := b.play(ctx, s, load.Plan{Requests: n, Window: 1, Every: every, For: 20 * time.Second, Request: request})
	if err != nil {
		return err
	}
	used := s.CPU().Sub(before).Total()
	t := res.Totals()
	if t.Accepted < t.Requests {
		b.progress("%s: %d of %d commands (%s) were accepted; the end of the log:\n%s",
			s.Spec.Kind, t.Accepted, t.Requests, what, s.LogTail(5))
	}
	b.results.Commands = append(b.results.Commands, Command{
		Kind: s.Spec.Kind, Size: size, Round: round, What: what, Count: t.Accepted,
		ReplyP50: t.ReplyP50, ReplyP99: t.ReplyP99,
		CPUMicros: float64(used.Microseconds()) / float64(max(1, t.Accepted)),
	})
	sleep(ctx, settle)
	return nil
}
