package audit

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fatih/color"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// WriteTable writes the report for a terminal: totals, findings in descending order of severity, and the access that
// every statement gives. Long lists of consumers are shortened. WriteJSON and WriteCSV write all of them.
func WriteTable(w io.Writer, report Report, withColor bool) error {
	var out bytes.Buffer
	p := painter(withColor)
	t := report.Totals
	fmt.Fprintf(&out, "%s in %s, %s\n", p.bold("Registry "+report.Account), report.Region, report.Generated.Format(time.RFC3339))
	fmt.Fprintf(&out, "%s, %d with a policy; %s; %d managed and %d unmanaged statements\n",
		plural(t.Repositories, "repository", "repositories"), t.WithPolicy, plural(t.Consumers, "consumer", "consumers"), t.Managed, t.Unmanaged)
	writeFindings(&out, report, p)
	writeAccess(&out, report)
	_, err := w.Write(out.Bytes())
	return err
}

func writeFindings(out *bytes.Buffer, report Report, p painter) {
	if len(report.Findings) == 0 {
		fmt.Fprint(out, "No findings\n")
		return
	}
	t := report.Totals
	fmt.Fprintf(out, "%s: %d critical, %d high, %d medium, %d low\n",
		plural(len(report.Findings), "finding", "findings"), t.Critical, t.High, t.Medium, t.Low)
	for _, g := range groups(report.Findings) {
		fmt.Fprintf(out, "\n%s  %s (%d)\n", p.severity(g.Severity), p.bold(g.Kind.Title()), len(g.Findings))
		for _, f := range g.Findings {
			fmt.Fprintf(out, "  %s%s\n      %s\n", visible(f.Place()), visible(at(f.Statement, f.Sid)), visible(f.Explanation))
		}
		fmt.Fprintf(out, "  Remedy: %s\n", g.Remedy)
	}
}

// at returns a statement's position and Sid, to append to the name of its repository.
func at(position int, sid string) string {
	switch {
	case position == 0:
		return ""
	case sid == "":
		return fmt.Sprintf(", statement %d", position)
	}
	return fmt.Sprintf(", statement %d %s", position, sid)
}

func writeAccess(out *bytes.Buffer, report Report) {
	const widest = 64 // characters in the last column; longer text is wrapped
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.Options{SeparateHeader: true}
	t.SuppressTrailingSpaces()
	t.SetColumnConfigs([]table.ColumnConfig{
		{Number: 5, WidthMax: widest, WidthMaxEnforcer: text.WrapSoft},
	})
	t.AppendHeader(table.Row{"repository", "access", "statement", "managed", "consumers"})
	row := func(cells ...string) {
		var shown table.Row
		for _, cell := range cells {
			shown = append(shown, visible(cell))
		}
		t.AppendRow(shown)
	}
	policies := report.Repositories
	if report.RegistryPolicy.Policy != Absent {
		registry := Repository{Name: registryPolicy, Policy: report.RegistryPolicy.Policy, Statements: report.RegistryPolicy.Statements}
		policies = append([]Repository{registry}, policies...)
	}
	for _, r := range policies {
		if len(r.Statements) == 0 {
			row(r.Name, "-", "policy "+string(r.Policy), "-", "-")
		}
		for i, s := range r.Statements {
			name := r.Name
			if i > 0 {
				name = ""
			}
			managed := "no"
			if s.Managed {
				managed = "yes"
			}
			row(name, s.tableAccess(), cmp.Or(s.Sid, fmt.Sprintf("statement %d", s.Position)), managed, cmp.Or(s.consumerText(few), "-"))
		}
	}
	fmt.Fprintf(out, "\n%s\n", t.Render())
}

// tableAccess returns the access that a statement allows or denies.
func (s Statement) tableAccess() string {
	access := cmp.Or(s.accessText(), "-")
	if s.allows(Pull) {
		access = strings.TrimSuffix(access, " read") // implied by pull
	}
	switch s.Effect {
	case iampolicy.Allow:
		return access + s.restriction()
	case iampolicy.Deny:
		return "deny " + access
	}
	return "unreadable"
}

// restriction returns what Deny statements and conditions leave of the access that a statement allows.
func (s Statement) restriction() string {
	denied, conditional := 0, 0
	for _, g := range s.grants {
		answers := slices.Collect(maps.Values(g.answers))
		switch {
		case slices.Contains(answers, iampolicy.No):
			denied++
		case slices.Contains(answers, iampolicy.Depends):
			conditional++
		}
	}
	switch {
	case denied > 0 && denied == len(s.grants):
		return " (denied)"
	case denied > 0:
		return fmt.Sprintf(" (denied to %d)", denied)
	case conditional > 0:
		return " (conditional)"
	}
	return ""
}

// painter colors text if it is true.
type painter bool

func (p painter) paint(text string, attributes ...color.Attribute) string {
	c := color.New(attributes...)
	c.DisableColor()
	if p {
		c.EnableColor()
	}
	return c.Sprint(text)
}

func (p painter) bold(text string) string { return p.paint(text, color.Bold) }

func (p painter) severity(s Severity) string {
	name := strings.ToUpper(s.String())
	switch s {
	case Critical:
		return p.paint(name, color.FgHiWhite, color.BgRed, color.Bold)
	case High:
		return p.paint(name, color.FgRed, color.Bold)
	case Medium:
		return p.paint(name, color.FgYellow, color.Bold)
	}
	return p.paint(name, color.FgCyan)
}
