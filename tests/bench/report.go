package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kamailio-imc/tests/bench/chart"
	"kamailio-imc/tests/bench/rig"
)

// section is a part of the document between markers of its name.
type section struct {
	name string
	text string
}

func (r *Results) sections() []section {
	return []section{
		{"machine", r.machineText()},
		{"headline", r.headlineText()},
		{"latency", r.latencyText()},
		{"footprint", r.footprintText()},
		{"big", r.bigText()},
		{"members", r.commandText()},
		{"memory", r.residentText()},
		{"growth", withPlot("growth", growthText(r.Growth, "rooms of 2", "µs a text"))},
		{"fanout", withPlot("fanout", growthText(r.Fanout, "members", "s to the last"))},
		{"database", r.databaseText()},
	}
}

// withPlot puts the plot of a section below its table.
func withPlot(name, text string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf("%s\n![%s](benchmarks-%s.svg)\n", text, name, name)
}

// text is the whole report.
func (r *Results) text() string {
	var b strings.Builder
	for _, s := range r.sections() {
		if s.text != "" {
			fmt.Fprintf(&b, "\n== %s\n\n%s", s.name, s.text)
		}
	}
	return b.String()
}

// writeDocs puts the tables between the markers of a document, and the plots
// beside it.
func (r *Results) writeDocs(file string) error {
	doc, err := r.intoDocs(file)
	if err != nil {
		return err
	}
	for name, c := range map[string]chart.Chart{"growth": r.growthChart(), "fanout": r.fanoutChart()} {
		if len(c.Series) == 0 {
			continue
		}
		svg := filepath.Join(filepath.Dir(file), "benchmarks-"+name+".svg")
		if err := os.WriteFile(svg, []byte(c.SVG()), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(file, []byte(doc), 0o644)
}

// intoDocs gives the document with the tables in it.
func (r *Results) intoDocs(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	doc := string(raw)
	for _, s := range r.sections() {
		begin, end := "<!-- bench:"+s.name+" -->\n", "<!-- /bench:"+s.name+" -->"
		i := strings.Index(doc, begin)
		j := strings.Index(doc, end)
		if i < 0 || j < i {
			return "", fmt.Errorf("%s has no markers for %s", file, s.name)
		}
		doc = doc[:i+len(begin)] + s.text + doc[j:]
	}
	return doc, nil
}

func (r *Results) machineText() string {
	if r.When.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s, %s (%s); Kamailio: %s; %s; commit %s.\nCommand: `%s`\n",
		r.When.Format(time.DateOnly), r.Machine, r.Kernel, r.Kamailio, r.Go, r.Commit, r.Command)
}

// table lays rows out as Markdown.
func table(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(head)
	rule := make([]string, len(head))
	for i := range rule {
		rule[i] = "---"
	}
	line(rule)
	for _, row := range rows {
		line(row)
	}
	return b.String()
}

// of picks values of the samples of one server in a workload.
func (r *Results) of(w Workload, kind rig.Kind, allocator string, value func(Sample) float64) []float64 {
	var v []float64
	for _, s := range r.Headline {
		if s.Workload == w && s.Kind == kind && s.Allocator == allocator {
			v = append(v, value(s))
		}
	}
	return v
}

// ratios divides run by run.
func ratios(a, b []float64) []float64 {
	var v []float64
	for i := range min(len(a), len(b)) {
		if b[i] > 0 {
			v = append(v, a[i]/b[i])
		}
	}
	return v
}

func (r *Results) groups() (ws []Workload, allocators []string) {
	for _, s := range r.Headline {
		if !slices.Contains(ws, s.Workload) {
			ws = append(ws, s.Workload)
		}
		if !slices.Contains(allocators, s.Allocator) {
			allocators = append(allocators, s.Allocator)
		}
	}
	return ws, allocators
}

// micros shows a value and half the distance of its quartiles.
func micros(s Spread) string { return fmt.Sprintf("%.1f ± %.1f", s.Median, (s.High-s.Low)/2) }

func ratio(s Spread) string {
	return fmt.Sprintf("%.3f (%.3f-%.3f)", s.Median, s.Low, s.High)
}

func (r *Results) headlineText() string {
	ws, allocators := r.groups()
	if len(ws) == 0 {
		return ""
	}
	var rows [][]string
	for _, a := range allocators {
		for _, w := range ws {
			ours := r.of(w, rig.Ours, a, Sample.PerText)
			stock := r.of(w, rig.Stock, a, Sample.PerText)
			floor := r.of(w, rig.Floor, a, Sample.PerText)
			d := func(k rig.Kind) string { return micros(spread(r.of(w, k, a, Sample.PerDelivery))) }
			rows = append(rows, []string{
				a, w.String(), micros(spread(ours)), micros(spread(stock)), micros(spread(floor)),
				d(rig.Ours), d(rig.Stock),
				ratio(spread(ratios(ours, stock))), ratio(spread(ratios(ours, floor))), fmt.Sprint(len(ours)),
			})
		}
	}
	return table([]string{"allocator", "work", "ours, µs a text", "stock", "floor", "ours, µs a delivery", "stock",
		"ours / stock (quartiles)", "ours / floor (quartiles)", "runs"}, rows)
}

func (r *Results) latencyText() string {
	ws, allocators := r.groups()
	if len(ws) == 0 {
		return ""
	}
	var rows [][]string
	for _, a := range allocators {
		for _, w := range ws {
			for _, k := range []rig.Kind{rig.Ours, rig.Stock, rig.Floor} {
				med := func(f func(Sample) float64) float64 { return spread(r.of(w, k, a, f)).Median }
				sum := func(f func(Sample) int) (n int) {
					for _, v := range r.of(w, k, a, func(s Sample) float64 { return float64(f(s)) }) {
						n += int(v)
					}
					return n
				}
				rows = append(rows, []string{
					a, w.String(), string(k),
					fmt.Sprintf("%.0f", med(func(s Sample) float64 { return float64(s.Texts) / s.Seconds })),
					fmt.Sprintf("%.0f", med(func(s Sample) float64 { return float64(s.Arrived) / s.Seconds })),
					fmt.Sprintf("%.0f", med(func(s Sample) float64 { return float64(s.ReplyP50.Nanoseconds()) / 1000 })),
					fmt.Sprintf("%.0f", med(func(s Sample) float64 { return float64(s.ReplyP99.Nanoseconds()) / 1000 })),
					fmt.Sprintf("%s of %s", thousands(sum(func(s Sample) int { return s.Arrived })),
						thousands(sum(func(s Sample) int { return s.Due }))),
					fmt.Sprint(sum(func(s Sample) int { return s.Duplicates })),
					fmt.Sprintf("%.1f", med(func(s Sample) float64 { return 1e6 * s.GeneratorCPU / float64(max(1, s.Texts)) })),
				})
			}
		}
	}
	return table([]string{"allocator", "work", "module", "texts/s", "deliveries/s", "reply p50, µs", "reply p99, µs",
		"arrived of due", "twice", "load generator, µs a text"}, rows)
}

func mb(n int64) string { return fmt.Sprintf("%.1f", float64(n)/(1<<20)) }

func (r *Results) footprintText() string {
	var rows [][]string
	for _, f := range r.Footprints {
		rows = append(rows, []string{f.Allocator, f.Workload.String(), string(f.Kind), mb(f.Memory.ShmUsed),
			mb(f.Memory.WorkerPrivate), mb(f.Memory.EnginePrivate)})
	}
	if rows == nil {
		return ""
	}
	return table([]string{"allocator", "work", "module", "shared memory in use, MB", "worker, private MB", "engine, private MB"}, rows)
}

// bySeries groups points by series, in the order in which they come first.
func bySeries(points []Point) (names []string, groups map[string]map[int][]Point, xs []int) {
	groups = map[string]map[int][]Point{}
	for _, p := range points {
		if groups[p.Series] == nil {
			names = append(names, p.Series)
			groups[p.Series] = map[int][]Point{}
		}
		groups[p.Series][p.X] = append(groups[p.Series][p.X], p)
		if !slices.Contains(xs, p.X) {
			xs = append(xs, p.X)
		}
	}
	slices.Sort(xs)
	return names, groups, xs
}

func ys(points []Point) (v []float64, due, lost int) {
	for _, p := range points {
		v = append(v, p.Y)
		due += p.Due
		lost += p.Lost
	}
	return v, due, lost
}

func growthText(points []Point, xName, yName string) string {
	names, groups, xs := bySeries(points)
	if len(names) == 0 {
		return ""
	}
	head := []string{xName}
	for _, n := range names {
		head = append(head, n+", "+yName)
	}
	var rows [][]string
	for _, x := range xs {
		row := []string{thousands(x)}
		for _, n := range names {
			v, due, lost := ys(groups[n][x])
			cell := ""
			if len(v) > 0 {
				cell = fmt.Sprintf("%.3g", spread(v).Median)
			}
			if lost > 0 {
				cell += fmt.Sprintf(" (lost %s of %s)", thousands(lost), thousands(due))
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return table(head, rows)
}

func series(points []Point) []chart.Series {
	names, groups, xs := bySeries(points)
	var all []chart.Series
	for _, n := range names {
		s := chart.Series{Name: n, Dashed: strings.HasPrefix(n, string(rig.Stock))}
		for _, x := range xs {
			v, _, lost := ys(groups[n][x])
			if len(v) == 0 || lost > 0 {
				continue // no line through what did not arrive
			}
			sp := spread(v)
			s.X, s.Y = append(s.X, float64(x)), append(s.Y, sp.Median)
			s.Low, s.High = append(s.Low, sp.Low), append(s.High, sp.High)
		}
		if len(s.X) > 0 {
			all = append(all, s)
		}
	}
	return all
}

func (r *Results) growthChart() chart.Chart {
	return chart.Chart{Title: "Processor time of a text over the number of rooms", XLabel: "rooms of 2",
		YLabel: "µs a text, all Kamailio processes", Series: series(r.Growth)}
}

func (r *Results) fanoutChart() chart.Chart {
	return chart.Chart{Title: "Time to the last recipient over the size of the room", XLabel: "members",
		YLabel: "seconds", Series: series(r.Fanout)}
}
