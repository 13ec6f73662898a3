package start

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// result is the measurements of a program.
type result struct {
	program
	samples []sample
}

func (r result) median(of func(sample) float64) float64 { return r.quantile(0.5, of) }

func (r result) quantile(q float64, of func(sample) float64) float64 {
	values := make([]float64, len(r.samples))
	for i, s := range r.samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	at := q * float64(len(values)-1)
	below := int(at)
	above := min(below+1, len(values)-1)
	return values[below] + (at-float64(below))*(values[above]-values[below])
}

// column is a column of the table. Its value is measured at each start.
type column struct {
	title string
	unit  string
	value func(sample) float64
}

func columns() []column {
	milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return []column{
		{"first `next`", "ms", func(s sample) float64 { return milliseconds(s.next) }},
		{"first response", "ms", func(s sample) float64 { return milliseconds(s.first) }},
		{"warm response", "ms", func(s sample) float64 { return milliseconds(s.warm) }},
		{"peak memory", "MB", func(s sample) float64 { return megabytes(s.peak) }},
	}
}

func megabytes(bytes float64) float64 { return bytes / (1 << 20) }

// write writes a table with the medians and interquartile ranges of each program. The first result is that of the
// product. Below, each other program has a row with the ratios of its medians to the product's.
func write(w io.Writer, results []result) {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	header := table.Row{"function"}
	configs := []table.ColumnConfig{}
	for i, c := range columns() {
		header = append(header, c.title)
		configs = append(configs, table.ColumnConfig{Number: i + 2, Align: text.AlignRight})
	}
	t.AppendHeader(append(header, "binary"))
	t.SetColumnConfigs(append(configs, table.ColumnConfig{Number: len(header) + 1, Align: text.AlignRight}))
	for _, r := range results {
		row := table.Row{r.name}
		for _, c := range columns() {
			row = append(row, fmt.Sprintf("%.1f %s (%.1f–%.1f)", r.median(c.value), c.unit, r.quantile(0.25, c.value), r.quantile(0.75, c.value)))
		}
		t.AppendRow(append(row, size(r.size)))
	}
	product := results[0]
	for _, r := range results[1:] {
		row := table.Row{r.name + " ÷ " + product.name}
		for _, c := range columns() {
			row = append(row, fmt.Sprintf("%.2f", r.median(c.value)/product.median(c.value)))
		}
		t.AppendRow(append(row, ratio(r.size, product.size)))
	}
	t.RenderMarkdown()
}

func size(bytes int64) string {
	if bytes == 0 { // the program is a script
		return "–"
	}
	return fmt.Sprintf("%.1f MB", megabytes(float64(bytes)))
}

func ratio(a, b int64) string {
	if a == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}
