package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestChartIsXMLWithAllItsPoints(t *testing.T) {
	t.Parallel()
	svg := Chart{Title: "a < b", XLabel: "rooms", YLabel: "µs", Series: []Series{
		{Name: "ours", X: []float64{10, 1000}, Y: []float64{20, 25}, Low: []float64{19, 24}, High: []float64{21, 26}},
		{Name: "stock", X: []float64{10, 1000}, Y: []float64{20, 1300}, Dashed: true},
	}}.SVG()
	dec := xml.NewDecoder(strings.NewReader(svg))
	circles := 0
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if el, ok := tok.(xml.StartElement); ok && el.Name.Local == "circle" {
			circles++
		}
	}
	assert.Equal(t, 4, circles)
	assert.Contains(t, svg, "10,000")
	assert.NotContains(t, svg, "NaN")
}

func TestEmptyChart(t *testing.T) {
	t.Parallel()
	assert.NotContains(t, Chart{Title: "none"}.SVG(), "NaN")
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for e, want := range map[int]string{-3: "0.001", 0: "1", 3: "1,000", 6: "1,000,000"} {
		assert.Equal(t, want, number(e))
	}
}
