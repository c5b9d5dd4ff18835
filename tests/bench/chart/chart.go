// Package chart draws line charts with logarithmic axes as SVG.
package chart

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// Series is a line with its points. Low and High, if given, are the ends of a
// bar at each point.
type Series struct {
	Name      string
	X, Y      []float64
	Low, High []float64
	Dashed    bool
}

// Chart is a picture of several series over axes from a power of ten to
// another.
type Chart struct {
	Title, XLabel, YLabel string
	Series                []Series
}

const (
	width, height            = 720, 440
	left, right, top, bottom = 80, 30, 44, 56
	plotWidth                = width - left - right
	plotHeight               = height - top - bottom
)

// One colour a series; they can be told apart in grey and on a dark page.
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"}

// SVG draws the chart.
func (c Chart) SVG() string {
	xa, ya := c.axes()
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`, width, height)
	p(`<rect width="%d" height="%d" fill="#ffffff"/>`, width, height)
	p(`<text x="%d" y="26" font-size="16" font-weight="bold">%s</text>`, left, escape(c.Title))
	for e := xa.low; e <= xa.high; e++ {
		x := left + plotWidth*xa.at(math.Pow10(e))
		p(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#dddddd"/>`, x, top, x, height-bottom)
		p(`<text x="%.1f" y="%d" text-anchor="middle">%s</text>`, x, height-bottom+20, number(e))
	}
	for e := ya.low; e <= ya.high; e++ {
		y := top + plotHeight*(1-ya.at(math.Pow10(e)))
		p(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#dddddd"/>`, left, y, width-right, y)
		p(`<text x="%d" y="%.1f" text-anchor="end">%s</text>`, left-8, y+4, number(e))
	}
	p(`<text x="%d" y="%d" text-anchor="middle">%s</text>`, left+plotWidth/2, height-12, escape(c.XLabel))
	p(`<text transform="translate(20 %d) rotate(-90)" text-anchor="middle">%s</text>`, top+plotHeight/2, escape(c.YLabel))
	for i, s := range c.Series {
		c.line(p, s, colours[i%len(colours)], xa, ya)
		y := top + 16 + 20*i
		p(`<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s" stroke-width="2"%s/>`, left+12, y, left+40, y,
			colours[i%len(colours)], dash(s))
		p(`<text x="%d" y="%d">%s</text>`, left+48, y+4, escape(s.Name))
	}
	p(`</svg>`)
	return b.String()
}

func (c Chart) line(p func(string, ...any), s Series, colour string, xa, ya axis) {
	var points []string
	for i := range s.X {
		x, y := left+plotWidth*xa.at(s.X[i]), top+plotHeight*(1-ya.at(s.Y[i]))
		points = append(points, fmt.Sprintf("%.1f,%.1f", x, y))
		p(`<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x, y, colour)
		if i < len(s.Low) && i < len(s.High) {
			p(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`, x, top+plotHeight*(1-ya.at(s.Low[i])),
				x, top+plotHeight*(1-ya.at(s.High[i])), colour)
		}
	}
	p(`<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>`, strings.Join(points, " "), colour, dash(s))
}

func dash(s Series) string {
	if s.Dashed {
		return ` stroke-dasharray="6 4"`
	}
	return ""
}

// axis is logarithmic, from one power of ten to another.
type axis struct{ low, high int }

func (a axis) at(v float64) float64 {
	if v <= 0 {
		return 0
	}
	return max(0, min(1, (math.Log10(v)-float64(a.low))/float64(max(1, a.high-a.low))))
}

func (c Chart) axes() (x, y axis) {
	var xs, ys []float64
	for _, s := range c.Series {
		xs = append(xs, s.X...)
		ys = append(append(append(ys, s.Y...), s.Low...), s.High...)
	}
	return around(xs), around(ys)
}

func around(v []float64) axis {
	a := axis{math.MaxInt, math.MinInt}
	for _, f := range v {
		if f > 0 {
			a.low = min(a.low, int(math.Floor(math.Log10(f)+1e-9)))
			a.high = max(a.high, int(math.Ceil(math.Log10(f)-1e-9)))
		}
	}
	if a.low > a.high {
		return axis{0, 1}
	}
	if a.low == a.high {
		a.high++
	}
	return a
}

// number is ten to the power of e as people write it.
func number(e int) string {
	if e < 0 {
		return fmt.Sprintf("%.*f", -e, math.Pow10(e))
	}
	s := fmt.Sprintf("%.0f", math.Pow10(e))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func escape(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return ""
	}
	return b.String()
}
