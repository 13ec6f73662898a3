package audit

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
)

//go:embed page
var pageFiles embed.FS

// WriteHTML writes the report as one self-contained page, which needs no server and no network. The filters and the
// matrix require JavaScript; the findings and the repositories don't.
//
// Policies can contain text from any author. html/template escapes it, and the page's Content-Security-Policy allows
// only the embedded script.
func WriteHTML(w io.Writer, report Report) error {
	page, err := newPage(report)
	if err != nil {
		return err
	}
	t, err := template.New("report.html").Funcs(template.FuncMap{
		"visible": visible,
		"title":   title,
		"plural":  plural,
		"some":    phrase.Some,
		"place":   func(f Finding) string { return statementName(f.Statement, f.Sid) },
	}).ParseFS(pageFiles, "page/report.html")
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, page); err != nil {
		return err
	}
	_, err = w.Write(out.Bytes())
	return err
}

// page is the data of the template.
type page struct {
	Report
	Security   string // the Content-Security-Policy
	Style      template.CSS
	Script     template.JS
	Severities []severityCount
	Tasks      []pageTask
	Decisions  []decision
	Policies   []pagePolicy
	Consumers  []consumerGroup
	Data       pageData
}

type severityCount struct {
	Severity Severity
	Count    int
}

// pageTask is a task. Only its first problems are shown at once.
type pageTask struct {
	task
	First, More []pageProblem
}

type pageProblem struct {
	problem
	Heading Severity // of the task
	Places  []pageName
}

// pageName is the name of a repository, and its row in the matrix, or that of the registry policy, which has no row.
type pageName struct {
	Row  int
	Name string
}

// IsRepository reports whether the name is that of a repository.
func (n pageName) IsRepository() bool { return n.Row >= 0 }

// Names returns the names of the repositories.
func (p pageProblem) Names() []string { return placeNames(p.Places) }

// pagePolicy is a policy that one or more repositories have, with its findings.
type pagePolicy struct {
	Repository // the first one
	Places     []pageName
	Worst      Severity
	Findings   []Finding
	Statements []pageStatement
}

// Names returns the names of the repositories.
func (p pagePolicy) Names() []string { return placeNames(p.Places) }

func placeNames(places []pageName) []string {
	var names []string
	for _, p := range places {
		names = append(names, p.Name)
	}
	return names
}

type pageStatement struct {
	Statement
	AccessText, ConsumerText, ActionText string
	ConditionTexts                       []string
}

// consumerGroup has the consumers of one kind, for the consumer filter.
type consumerGroup struct {
	Kind    iampolicy.ConsumerKind
	Columns []pageColumn
}

// pageData is the data of the matrix, for report.js. Its form is compact, because there can be thousands of rows.
type pageData struct {
	Columns  []pageColumn `json:"columns"`
	Rows     []pageRow    `json:"rows"`
	Policies []pageGrants `json:"policies"`
}

type pageColumn struct {
	Index int    `json:"-"`
	Label string `json:"label"`
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Kinds string `json:"kinds"` // in the plural
}

type pageRow struct {
	Name   string `json:"name"`
	Policy int    `json:"policy"` // index in Policies
}

// pageGrants is what the matrix shows of a policy.
type pageGrants struct {
	Search     string `json:"search"` // the Sids
	Policy     State  `json:"policy"`
	Severities int    `json:"severities"` // a bit for each severity: 1<<Severity
	Worst      string `json:"worst"`
	Cells      []int  `json:"cells"` // column, grants, column, grants, …
}

func newPage(report Report) (page, error) {
	style, err := pageFiles.ReadFile("page/report.css")
	if err != nil {
		return page{}, err
	}
	script, err := pageFiles.ReadFile("page/report.js")
	if err != nil {
		return page{}, err
	}
	p := page{
		Report:    report,
		Decisions: decisions(report.Accepted),
		Security:  fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hash(style), hash(script)),
		Style:     template.CSS(style), // #nosec G203 -- a constant, embedded from page
		Script:    template.JS(script), // #nosec G203 -- a constant, embedded from page
	}
	t := report.Totals
	for i, n := range []int{t.Critical, t.High, t.Medium, t.Low} {
		p.Severities = append(p.Severities, severityCount{severities()[i], n})
	}
	p.addPolicies(report)
	p.addTasks(report)
	return p, nil
}

// hash returns the source expression of an embedded text for the Content-Security-Policy.
func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// addPolicies adds the consumers, the policies, and the rows of the matrix.
func (p *page) addPolicies(report Report) {
	index := p.addColumns(report)
	findings := map[string][]Finding{}
	for _, f := range report.Findings {
		findings[f.Repository] = append(findings[f.Repository], f)
	}
	policies := map[string]int{} // by repository
	for i, same := range twins(report.Repositories, findings) {
		for _, r := range same {
			policies[r.Name] = i
		}
		first := same[0]
		p.Policies = append(p.Policies, newPagePolicy(first, findings[first.Name]))
		p.Data.Policies = append(p.Data.Policies, newPageGrants(first, findings[first.Name], index))
	}
	for row, r := range report.Repositories {
		i := policies[r.Name]
		p.Policies[i].Places = append(p.Policies[i].Places, pageName{row, visible(r.Name)})
		p.Data.Rows = append(p.Data.Rows, pageRow{visible(r.Name), i})
	}
}

// addColumns adds the consumers, and returns their columns in the matrix.
func (p *page) addColumns(report Report) map[column]int {
	index := map[column]int{}
	for i, c := range columns(report) {
		index[c] = i
		shown := pageColumn{i, visible(c.Label()), visible(c.ID), strings.ReplaceAll(string(c.Kind), "-", " "), c.plural()}
		p.Data.Columns = append(p.Data.Columns, shown)
		if last := len(p.Consumers) - 1; last < 0 || p.Consumers[last].Kind != c.Kind {
			p.Consumers = append(p.Consumers, consumerGroup{Kind: c.Kind})
		}
		last := &p.Consumers[len(p.Consumers)-1]
		last.Columns = append(last.Columns, shown)
	}
	return index
}

func newPagePolicy(r Repository, findings []Finding) pagePolicy {
	shown := pagePolicy{Repository: r, Findings: findings}
	for _, f := range findings {
		shown.Worst = max(shown.Worst, f.Severity)
	}
	for _, s := range r.Statements {
		shown.Statements = append(shown.Statements, newPageStatement(s))
	}
	return shown
}

func newPageGrants(r Repository, findings []Finding, index map[column]int) pageGrants {
	shown := pageGrants{Policy: r.Policy, Cells: cells(r, index)}
	var sids []string
	for _, s := range r.Statements {
		sids = append(sids, visible(s.Sid))
	}
	shown.Search = strings.ToLower(strings.Join(sids, " "))
	var worst Severity
	for _, f := range findings {
		shown.Severities |= 1 << f.Severity
		worst = max(worst, f.Severity)
	}
	shown.Worst = worst.String()
	return shown
}

func (p *page) addTasks(report Report) {
	const atOnce = 8
	rows := map[string]int{registryPolicy: -1}
	for i, r := range report.Repositories {
		rows[r.Name] = i
	}
	for _, t := range tasks(report.Findings) {
		var all []pageProblem
		for _, same := range t.Problems {
			shown := pageProblem{problem: same, Heading: t.Severity}
			for _, name := range same.Repositories {
				shown.Places = append(shown.Places, pageName{rows[name], visible(name)})
			}
			all = append(all, shown)
		}
		n := min(atOnce, len(all))
		if len(all) == atOnce+1 {
			n++ // takes no more space than the line "1 more"
		}
		p.Tasks = append(p.Tasks, pageTask{t, all[:n], all[n:]})
	}
}

func newPageStatement(s Statement) pageStatement {
	shown := pageStatement{
		Statement:    s,
		AccessText:   strings.ReplaceAll(s.accessText(), " ", ", "),
		ConsumerText: visible(s.consumerText(all)),
		ActionText:   visible(s.actionText()),
	}
	for _, condition := range s.conditionTexts() {
		shown.ConditionTexts = append(shown.ConditionTexts, visible(condition))
	}
	return shown
}

// cells returns the columns with grants in the row of a repository, each with its grants.
func cells(r Repository, index map[column]int) []int {
	granted := make(map[int]grants)
	for _, c := range r.Consumers {
		granted[index[column{c.Kind, c.ID}]] |= grantsOf(c)
	}
	pairs := []int{}
	for _, i := range slices.Sorted(maps.Keys(granted)) {
		pairs = append(pairs, i, int(granted[i]))
	}
	return pairs
}

// Label returns a short name for the head of a column.
func (c column) Label() string {
	switch c.Kind {
	case iampolicy.AllPrincipals:
		return "all principals"
	case iampolicy.OrganizationalUnit:
		_, path, _ := strings.Cut(strings.TrimSuffix(c.ID, "/*"), "/")
		return path[strings.LastIndexByte(path, '/')+1:]
	case iampolicy.NamedPrincipal, iampolicy.FederatedPrincipal:
		if parts := strings.SplitN(c.ID, ":", 6); len(parts) == 6 {
			return parts[4] + " " + parts[5]
		}
	}
	return c.ID
}

// plural returns what several consumers of the kind are called.
func (c column) plural() string {
	switch c.Kind {
	case iampolicy.AllPrincipals:
		return "all principals"
	case iampolicy.NamedPrincipal:
		return "roles and users"
	case iampolicy.FederatedPrincipal, iampolicy.DeletedPrincipal, iampolicy.OtherPrincipal:
		return string(c.Kind) + " principals"
	}
	return strings.ReplaceAll(string(c.Kind), "-", " ") + "s"
}

// grants are the marks in a cell of the matrix: a bit for each group of access, for managed and unmanaged statements.
type grants int

// The bits for managed statements, which report.js reads. The next higher bit is for unmanaged statements.
const (
	pullBit grants = 1 << (2 * iota)
	pushBit
	manageBit
	readBit
)

// The bits of a cell whose access a Deny statement takes, or depends on conditions. They are above those for statements.
const (
	deniedBit grants = 1 << (8 + iota)
	conditionalBit
)

func grantsOf(c ConsumerAccess) grants {
	var g grants
	for _, a := range c.Access {
		switch a.Answer {
		case iampolicy.No:
			g |= deniedBit
			continue
		case iampolicy.Depends:
			g |= conditionalBit
		}
		bit := manageBit
		switch a.Access {
		case Pull:
			bit = pullBit
		case Push:
			bit = pushBit
		case Read:
			bit = readBit
		}
		if a.Managed {
			g |= bit
		}
		if a.Unmanaged {
			g |= bit << 1
		}
	}
	return g
}

// title returns the text with an uppercase first letter.
func title(text fmt.Stringer) string {
	s := text.String()
	return strings.ToUpper(s[:1]) + s[1:]
}
