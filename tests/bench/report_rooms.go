package main

import (
	"fmt"
	"strings"
	"time"

	"kamailio-imc/tests/bench/rig"
)

func millis(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000) }

func medianDuration(v []time.Duration) time.Duration {
	var f []float64
	for _, d := range v {
		f = append(f, float64(d))
	}
	return time.Duration(spread(f).Median)
}

// bigText is everything about the room of 10,000 but its membership.
func (r *Results) bigText() string {
	parts := []string{r.bigReplyText(), r.burstText(), r.probeText()}
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, "\n")
}

func (r *Results) bigReplyText() string {
	var rows [][]string
	for _, k := range []rig.Kind{rig.Ours, rig.Stock} {
		var reply, last []time.Duration
		due, arrived := 0, 0
		for _, b := range r.BigReplies {
			if b.Kind == k {
				if b.Answered {
					reply, last = append(reply, b.Reply), append(last, b.Last)
				}
				due, arrived = due+b.Due, arrived+b.Arrived
			}
		}
		if len(reply) > 0 {
			rows = append(rows, []string{string(k), millis(medianDuration(reply)), millis(medianDuration(last)),
				fmt.Sprintf("%s of %s", thousands(arrived), thousands(due)), fmt.Sprint(len(reply))})
		}
	}
	if rows == nil {
		return ""
	}
	return table([]string{"one text to a room of " + thousands(bigSize), "reply to its sender, ms (median)",
		"last recipient, ms (median)", "arrived of due", "texts"}, rows)
}

func (r *Results) burstText() string {
	var rows [][]string
	for _, b := range r.Bursts {
		rows = append(rows, []string{b.Allocator, string(b.Kind), fmt.Sprintf("%d of 5", b.Accepted),
			fmt.Sprintf("%s of %s", thousands(b.Arrived), thousands(b.Due)), fmt.Sprint(b.Duplicates),
			fmt.Sprintf("%.1f", b.Last.Seconds()), mb(b.LowestFree), fmt.Sprint(b.ShortageLines)})
	}
	if rows == nil {
		return ""
	}
	return table([]string{"allocator", fmt.Sprintf("five texts at once, %d MB", defaultMB), "accepted", "arrived of due", "twice",
		"last recipient, s", "lowest free shared memory, MB", "lines on shortage in the log"}, rows)
}

func (r *Results) probeText() string {
	type group struct {
		kind rig.Kind
		shm  int
	}
	var rows [][]string
	for _, g := range []group{{rig.Ours, ampleMB}, {rig.Ours, defaultMB}, {rig.Stock, ampleMB}} {
		p99 := map[bool][]float64{}
		p50 := map[bool][]float64{}
		delivered := map[bool][]float64{}
		texts, unanswered := 0, 0
		for _, p := range r.Probes {
			if p.Kind != g.kind || p.ShmMB != g.shm {
				continue
			}
			p50[p.Busy] = append(p50[p.Busy], float64(p.ReplyP50.Microseconds())/1000)
			p99[p.Busy] = append(p99[p.Busy], float64(p.ReplyP99.Microseconds())/1000)
			delivered[p.Busy] = append(delivered[p.Busy], float64(p.DeliveredP99.Microseconds())/1000)
			if p.Busy {
				texts, unanswered = texts+p.Texts, unanswered+p.Unanswered
			}
		}
		if len(p99[true]) == 0 {
			continue
		}
		m := func(v []float64) string { return fmt.Sprintf("%.2f", spread(v).Median) }
		rows = append(rows, []string{fmt.Sprintf("%s, %d MB", g.kind, g.shm), m(p50[false]), m(p50[true]),
			m(p99[false]), m(p99[true]), ratio(spread(ratios(p99[true], p99[false]))),
			m(delivered[false]), m(delivered[true]),
			fmt.Sprintf("%s of %s", thousands(texts-unanswered), thousands(texts))})
	}
	if rows == nil {
		return ""
	}
	return table([]string{"texts in a room of 2", "reply p50 at rest, ms", "p50 beside a room of " + thousands(bigSize),
		"reply p99 at rest", "p99 beside", "p99 beside / at rest", "delivered p99 at rest", "delivered p99 beside", "answered beside"}, rows)
}

func (r *Results) commandText() string {
	var rows [][]string
	for _, what := range []string{"join and leave", "invite and reject"} {
		for _, k := range []rig.Kind{rig.Ours, rig.Stock} {
			reply, cpu := map[int][]float64{}, map[int][]float64{}
			for _, c := range r.Commands {
				if c.What == what && c.Kind == k {
					reply[c.Size] = append(reply[c.Size], float64(c.ReplyP50.Microseconds()))
					cpu[c.Size] = append(cpu[c.Size], c.CPUMicros)
				}
			}
			if len(reply[bigSize]) == 0 {
				continue
			}
			f := func(v []float64) string { return fmt.Sprintf("%.0f", spread(v).Median) }
			rows = append(rows, []string{what, string(k), f(reply[smallSize]), f(reply[bigSize]),
				ratio(spread(ratios(reply[bigSize], reply[smallSize]))), f(cpu[smallSize]), f(cpu[bigSize]),
				ratio(spread(ratios(cpu[bigSize], cpu[smallSize])))})
		}
	}
	if rows == nil {
		return ""
	}
	small, big := thousands(smallSize), thousands(bigSize)
	return table([]string{"commands", "module", "reply p50, room of " + small + ", µs", "room of " + big + ", µs", "big / small",
		"processor, room of " + small + ", µs a command", "room of " + big + ", µs", "big / small"}, rows)
}

func (r *Results) residentText() string {
	var rows [][]string
	for _, m := range r.Resident {
		rows = append(rows, []string{string(m.Kind), m.Workload.String(), fmt.Sprintf("%.1f", m.Start.Seconds()),
			mb(m.Idle.EngineRSS), mb(m.Loaded.EngineRSS), mb(m.Idle.WorkerPrivate), mb(m.Loaded.WorkerPrivate),
			mb(m.Idle.ShmUsed), thousands(m.Texts)})
	}
	if rows == nil {
		return ""
	}
	return table([]string{"module", "rooms", "start, s", "engine resident, MB", "after load", "worker private, MB",
		"after load", "shared memory in use, MB", "texts of the load"}, rows)
}
