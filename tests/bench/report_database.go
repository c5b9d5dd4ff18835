package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// databaseText is the outcome of the suite database.
func (r *Results) databaseText() string {
	var out []string
	for _, what := range []string{runJoins, runTexts} {
		if rows := r.databaseRows(what); rows != nil {
			out = append(out, table([]string{"workers, under way", what, what + " a second (median)", "of plain INSERTs or of db_mode 0 (median)",
				"reply p50, ms", "reply p99, ms", "Kamailio, µs each", "MariaDB, µs each", "MESSAGEs lost", "runs"}, rows))
		}
	}
	if len(r.Loads) > 0 {
		var rows [][]string
		for _, rooms := range r.loadSizes() {
			var took []time.Duration
			members := 0
			for _, l := range r.Loads {
				if l.Rooms == rooms {
					took, members = append(took, l.Ready), l.Members
				}
			}
			rows = append(rows, []string{thousands(rooms), thousands(members), millis(medianDuration(took)), fmt.Sprint(len(took))})
		}
		out = append(out, table([]string{"rooms", "members", "start in db_mode 1 until all are loaded, ms (median)", "starts"}, rows))
	}
	return strings.Join(out, "\n")
}

func (r *Results) loadSizes() (sizes []int) {
	for _, l := range r.Loads {
		if !slices.Contains(sizes, l.Rooms) {
			sizes = append(sizes, l.Rooms)
		}
	}
	return sizes
}

// databaseRows has a row for each server and shape.
func (r *Results) databaseRows(what string) (rows [][]string) {
	type group struct {
		shape
		series string
	}
	var order []group
	runs := map[group][]DatabaseRun{}
	for _, d := range r.Database {
		if d.What == what {
			g := group{shape{d.Workers, d.Window}, d.Series}
			if runs[g] == nil {
				order = append(order, g)
			}
			runs[g] = append(runs[g], d)
		}
	}
	values := func(g group, f func(DatabaseRun) float64) (v []float64) {
		for _, d := range runs[g] {
			v = append(v, f(d))
		}
		return v
	}
	rate := func(d DatabaseRun) float64 { return float64(d.Count) / d.Seconds }
	for _, g := range order {
		base := group{g.shape, "plain INSERTs"}
		if what == runTexts {
			base.series = "db_mode 0"
		}
		median := func(f func(DatabaseRun) float64) float64 { return spread(values(g, f)).Median }
		lost := 0
		for _, d := range runs[g] {
			lost += d.Lost
		}
		rows = append(rows, []string{
			fmt.Sprintf("%d, %d", g.workers, g.window), g.series, thousands(int(median(rate))),
			fmt.Sprintf("%.2f", spread(ratios(values(g, rate), values(base, rate))).Median),
			fmt.Sprintf("%.2f", median(func(d DatabaseRun) float64 { return float64(d.ReplyP50.Microseconds()) / 1000 })),
			fmt.Sprintf("%.2f", median(func(d DatabaseRun) float64 { return float64(d.ReplyP99.Microseconds()) / 1000 })),
			fmt.Sprintf("%.1f", median(func(d DatabaseRun) float64 { return 1e6 * d.CPU / float64(d.Count) })),
			fmt.Sprintf("%.1f", median(func(d DatabaseRun) float64 { return 1e6 * d.DatabaseCPU / float64(d.Count) })),
			fmt.Sprint(lost), fmt.Sprint(len(runs[g])),
		})
	}
	return rows
}
