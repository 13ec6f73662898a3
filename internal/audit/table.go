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

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/group"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
)

// TextOptions are the options of WriteTable.
type TextOptions struct {
	Width int  // of a line in characters; 0 for no limit
	Color bool // for a terminal
	All   bool // show each repository separately, even if many have the same findings or grants
}

// WriteTable writes the report for a terminal: totals, findings grouped by what is to be done, and the access that every
// statement gives. Long lists of consumers are shortened. WriteJSON and WriteCSV write all of them.
func WriteTable(w io.Writer, report Report, options TextOptions) error {
	t := terminal{options: options}
	t.totals(report)
	t.findings(report)
	t.accepted(report)
	t.access(report)
	_, err := w.Write(t.out.Bytes())
	return err
}

// terminal collects the text of a report.
type terminal struct {
	options TextOptions
	out     bytes.Buffer
}

func (t *terminal) totals(report Report) {
	n := report.Totals
	t.line("", "%s in %s, %s", t.bold("Registry "+report.Account), report.Region, report.Generated.Format(time.RFC3339))
	t.line("", "%s, %d with a policy; %s; %d managed and %d unmanaged statements",
		plural(n.Repositories, "repository", "repositories"), n.WithPolicy, plural(n.Consumers, "consumer", "consumers"), n.Managed, n.Unmanaged)
	if len(report.Findings) == 0 {
		t.line("", "No findings")
		return
	}
	t.line("", "%s: %d critical, %d high, %d medium, %d low",
		plural(len(report.Findings), "finding", "findings"), n.Critical, n.High, n.Medium, n.Low)
}

func (t *terminal) findings(report Report) {
	for _, todo := range tasks(report.Findings) {
		t.line("", "\n%s  %s (%d)", t.severity(todo.Severity), t.bold(todo.Title), todo.Count)
		t.line("", "%s", todo.Remedy)
		t.problems(todo.Problems, todo.Severity)
	}
}

func (t *terminal) accepted(report Report) {
	for _, d := range decisions(report.Accepted) {
		t.line("", "\n%s  %s (%d)", t.paint("ACCEPTED", color.Faint), t.bold(d.Kind.Title()), d.Count)
		t.line("", "Until %s: %s", d.Until, visible(d.Reason))
		t.problems(d.Problems, 0)
	}
}

// problems writes problems, with their severity if it isn't that of the heading, unless that is 0.
func (t *terminal) problems(problems []problem, heading Severity) {
	for _, p := range problems {
		explanation := p.Explanation
		if heading != 0 && p.Severity != heading {
			explanation += " (" + p.Severity.String() + ")"
		}
		if p.Statement != "" {
			explanation = p.Statement + ": " + explanation
		}
		for _, names := range t.together(p.Repositories) {
			t.line("  ", "%s", visible(some(names, "same finding")))
			t.line("    ", "%s", visible(explanation))
		}
	}
}

// together returns the names that are shown together: all of them, or each separately.
func (t *terminal) together(names []string) [][]string {
	if !t.options.All {
		return [][]string{names}
	}
	return slices.Collect(slices.Chunk(names, 1))
}

// some returns the first names of repositories that have something in common, and counts the others.
func some(names []string, common string) string {
	if len(names) == 1 {
		return names[0]
	}
	return fmt.Sprintf("%s: %s: %s", common, phrase.Repositories(len(names)), phrase.Some(names))
}

// access writes the grants, each with all repositories that have it.
func (t *terminal) access(report Report) {
	rows := []table.Row{{"repository", "access", "statement: consumers"}}
	last := ""
	for _, same := range t.grants(report) {
		var names []string
		for _, g := range same {
			names = append(names, g.repository)
		}
		name := some(names, "same grants")
		if name == last {
			name = ""
		} else {
			last = name
		}
		g := same[0]
		rows = append(rows, table.Row{visible(name), g.access, visible(g.text)})
	}
	t.table(rows)
}

// tableRow is what a statement gives in a repository, or the state of a policy without statements.
type tableRow struct {
	repository   string
	access, text string
	key          string // equal for the same grant in another repository
}

// grants returns what all statements give. Rows in the same group are shown together.
func (t *terminal) grants(report Report) [][]tableRow {
	policies := report.Repositories
	if registry := report.RegistryPolicy; registry.Policy != Absent {
		policies = append([]Repository{{Name: registryPolicy, Policy: registry.Policy, Statements: registry.Statements}}, policies...)
	}
	var grants []tableRow
	for _, r := range policies {
		if len(r.Statements) == 0 {
			grants = append(grants, tableRow{r.Name, "-", "policy " + string(r.Policy), string(r.Policy)})
		}
		for _, s := range r.Statements {
			access := s.tableAccess()
			text := statementName(s.Position, s.Sid) + ": " + cmp.Or(s.consumerText(phrase.Some), "-")
			grants = append(grants, tableRow{r.Name, access, text, strings.Join([]string{access, text, s.consumerText(all)}, "\n")})
		}
	}
	if t.options.All {
		return slices.Collect(slices.Chunk(grants, 1))
	}
	together := group.By(grants, func(g tableRow) string { return g.key })
	slices.SortStableFunc(together, func(a, b []tableRow) int { return cmp.Compare(len(b), len(a)) })
	return together
}

// table writes rows, of which the first is the header, within the width of the terminal.
func (t *terminal) table(rows []table.Row) {
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.Style().Options = table.Options{SeparateHeader: true}
	w.SuppressTrailingSpaces()
	var columns []table.ColumnConfig
	for i, width := range t.widths(rows) {
		columns = append(columns, table.ColumnConfig{Number: i + 1, WidthMax: width, WidthMaxEnforcer: text.WrapSoft})
	}
	w.SetColumnConfigs(columns)
	w.AppendHeader(rows[0])
	w.AppendRows(rows[1:])
	fmt.Fprintf(&t.out, "\n%s\n", w.Render())
}

// widths returns the widths of the columns. If the terminal is too narrow for the text, lines break between words as
// long as the words fit.
func (t *terminal) widths(rows []table.Row) []int {
	words, texts := make([]int, len(rows[0])), make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			texts[i] = max(texts[i], text.StringWidth(fmt.Sprint(cell)))
			for word := range strings.FieldsSeq(fmt.Sprint(cell)) {
				words[i] = max(words[i], text.StringWidth(word))
			}
		}
	}
	if t.options.Width == 0 {
		return texts
	}
	const margins = 2 // of each column
	left := t.options.Width - margins*len(words)
	widths := share(left, words)
	for i, width := range widths {
		left -= width
		texts[i] -= width
	}
	for i, more := range share(left, texts) {
		widths[i] = max(widths[i]+more, 1)
	}
	return widths
}

// share divides space by demand. If the space isn't enough, those who demand more than the others get the same.
func share(space int, demands []int) []int {
	shares, unserved := make([]int, len(demands)), len(demands)
	for _, i := range ascending(demands) {
		shares[i] = min(demands[i], space/unserved)
		space -= shares[i]
		unserved--
	}
	return shares
}

// ascending returns the indexes of the values in ascending order of the values.
func ascending(values []int) []int {
	var indexes []int
	for i := range values {
		indexes = append(indexes, i)
	}
	slices.SortFunc(indexes, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	return indexes
}

// line writes a paragraph, whose lines start with the indent.
func (t *terminal) line(indent, format string, values ...any) {
	paragraph := fmt.Sprintf(format, values...)
	if t.options.Width > 0 {
		paragraph = text.WrapSoft(paragraph, max(t.options.Width-len(indent), 1))
	}
	for line := range strings.SplitSeq(paragraph, "\n") {
		fmt.Fprintln(&t.out, strings.TrimRight(indent+line, " "))
	}
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

// restriction returns what Deny statements, missing actions, and conditions leave of the access that a statement allows.
func (s Statement) restriction() string {
	denied, incomplete, conditional := 0, 0, 0
	for _, g := range s.grants {
		answers := slices.Collect(maps.Values(g.answers))
		switch {
		case g.incomplete:
			incomplete++
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
	case incomplete > 0:
		return " (incomplete pull)"
	case conditional > 0:
		return " (conditional)"
	}
	return ""
}

func (t *terminal) paint(text string, attributes ...color.Attribute) string {
	c := color.New(attributes...)
	c.DisableColor()
	if t.options.Color {
		c.EnableColor()
	}
	return c.Sprint(text)
}

func (t *terminal) bold(text string) string { return t.paint(text, color.Bold) }

func (t *terminal) severity(s Severity) string {
	name := strings.ToUpper(s.String())
	switch s {
	case Critical:
		return t.paint(name, color.FgHiWhite, color.BgRed, color.Bold)
	case High:
		return t.paint(name, color.FgRed, color.Bold)
	case Medium:
		return t.paint(name, color.FgYellow, color.Bold)
	}
	return t.paint(name, color.FgCyan)
}
