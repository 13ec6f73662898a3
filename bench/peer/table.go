package peer

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// result is the measurements of a tool.
type result struct {
	tool
	first, second samples
}

// write writes a table with a column for each tool. The last result is that of the product. For each other tool, a
// second column has the ratio of the tool's figures to the product's.
func write(w io.Writer, results []result) {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	header := table.Row{""}
	for _, r := range results {
		header = append(header, r.name)
	}
	product := results[len(results)-1]
	for _, r := range results[:len(results)-1] {
		header = append(header, r.name+" ÷ ecr-pull-policy")
	}
	t.AppendHeader(header)
	var configs []table.ColumnConfig
	for i := range header[1:] {
		configs = append(configs, table.ColumnConfig{Number: i + 2, Align: text.AlignRight})
	}
	t.SetColumnConfigs(configs)
	writeRun(t, "no policies", results, func(r result) samples { return r.first }, product)
	writeRun(t, "no changes", results, func(r result) samples { return r.second }, product)
	t.RenderMarkdown()
}

// writeRun adds the rows for one of the two runs, which of selects.
func writeRun(t table.Writer, name string, results []result, of func(result) samples, product result) {
	times, totals := table.Row{name + ": wall time"}, table.Row{name + ": AWS calls"}
	var timeRatios, totalRatios table.Row
	operations := map[string]bool{}
	for i, r := range results {
		s, base := of(r), of(product)
		times = append(times, fmt.Sprintf("%.1f s", s.median().Seconds()))
		totals = append(totals, s.total())
		if i < len(results)-1 {
			timeRatios = append(timeRatios, fmt.Sprintf("%.1f", s.median().Seconds()/base.median().Seconds()))
			totalRatios = append(totalRatios, fmt.Sprintf("%.1f", float64(s.total())/float64(base.total())))
		}
		for operation := range s.calls {
			operations[operation] = true
		}
	}
	t.AppendRow(append(times, timeRatios...))
	t.AppendRow(append(totals, totalRatios...))
	for _, operation := range slices.Sorted(maps.Keys(operations)) {
		row := table.Row{"– " + operation}
		for _, r := range results {
			row = append(row, of(r).calls[operation])
		}
		for range results[1:] {
			row = append(row, "")
		}
		t.AppendRow(row)
	}
}
