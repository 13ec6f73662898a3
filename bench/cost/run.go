package cost

import (
	"context"
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/ecr-pull-policy/ecr-pull-policy/bench/calls"
)

// Run counts the calls and writes the monthly bills of registries of three sizes to w as a table.
func Run(ctx context.Context, w io.Writer) error {
	rows, err := calls.Measure(ctx)
	if err != nil {
		return fmt.Errorf("count calls: %w", err)
	}
	t := table.NewWriter()
	t.SetOutputMirror(w)
	header := table.Row{"per month"}
	var columns []table.ColumnConfig
	var bills [][]item
	for i, repositories := range []int{100, 1_000, 100_000} {
		m, err := monthFor(float64(repositories), rows)
		if err != nil {
			return err
		}
		header = append(header, fmt.Sprintf("%d repositories", repositories), "$")
		columns = append(columns, table.ColumnConfig{Number: 2*i + 2, Align: text.AlignRight}, table.ColumnConfig{Number: 2*i + 3, Align: text.AlignRight})
		bills = append(bills, m.bill())
	}
	t.AppendHeader(header)
	t.SetColumnConfigs(columns)
	totals := table.Row{"**total**"}
	for line, first := range bills[0] {
		row := table.Row{first.name}
		for _, bill := range bills {
			row = append(row, fmt.Sprintf("%.*f", bill[line].digits, bill[line].amount), fmt.Sprintf("%.2f", bill[line].dollars))
		}
		t.AppendRow(row)
	}
	for _, bill := range bills {
		total := 0.0
		for _, i := range bill {
			total += i.dollars
		}
		totals = append(totals, "", fmt.Sprintf("**%.2f**", total))
	}
	t.AppendRow(totals)
	t.RenderMarkdown()
	return nil
}

// item is a line of a bill.
type item struct {
	name    string
	amount  float64
	digits  int // number of decimal places of amount
	dollars float64
}

func (m month) bill() []item {
	gbSeconds := m.calls * secondsPerCall * memory
	const metricHours = findings*(schedules+listChanges) + failures*badHours
	polls := idlePolls + m.requests*callsPerMessage
	return []item{
		{"calls to ECR, SSM, and EventBridge", m.calls, 0, 0},
		{"Lambda: invocations", m.invocations, 0, m.invocations * perInvocation},
		{"Lambda: GB-seconds", gbSeconds, 0, gbSeconds * perGBSecond},
		{"EventBridge: requests published", m.requests, 0, m.requests * perEvent},
		{"SQS: calls", polls, 0, polls * perSQSCall},
		{"CloudWatch: GB logged", m.logBytes / 1e9, 2, m.logBytes * (perLogByte + keptMonths*perKeptByte)},
		{"CloudWatch: hours in which a metric has data", metricHours, 0, metricHours / hoursInMonth * perMetric},
		{"CloudWatch: metrics used by alarms", alarmMetrics, 0, alarmMetrics * perAlarm},
	}
}
