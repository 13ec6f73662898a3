package calls

import (
	"context"
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
)

// Run counts the calls and writes them to w as a table.
func Run(ctx context.Context, w io.Writer) error {
	rows, err := Measure(ctx)
	if err != nil {
		return fmt.Errorf("count calls: %w", err)
	}
	t := table.NewWriter()
	t.AppendHeader(table.Row{"trigger", "repositories", "DescribeRepositories", "policy reads", "policy writes", "SSM calls",
		"PutEvents", "requests", "log lines", "log bytes"})
	for _, r := range rows {
		t.AppendRow(table.Row{r.Trigger, r.Repositories, r.Lists, r.Reads, r.Writes, r.Parameters,
			r.Publishes, r.Requests, r.LogLines, r.LogBytes})
	}
	_, err = fmt.Fprintln(w, t.RenderMarkdown())
	return err
}
