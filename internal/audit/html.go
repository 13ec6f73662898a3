package audit

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
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
		"at":      func(f Finding) string { return strings.TrimPrefix(at(f.Statement, f.Sid), ", ") },
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
	Security     string // the Content-Security-Policy
	Style        template.CSS
	Script       template.JS
	Severities   []severityCount
	Groups       []pageGroup
	Repositories []pageRepository
	Consumers    []consumerGroup
	Data         pageData
}

type severityCount struct {
	Severity Severity
	Count    int
}

// pageGroup is a group of findings. Only the first ones are shown at once.
type pageGroup struct {
	group
	First, More []pageFinding
}

type pageFinding struct {
	Finding
	Row int // of the repository
}

type pageRepository struct {
	Repository
	Row        int
	Worst      Severity
	Findings   []Finding
	Statements []pageStatement
	Search     string
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
	Columns []pageColumn `json:"columns"`
	Rows    []pageRow    `json:"rows"`
}

type pageColumn struct {
	Index int    `json:"-"`
	Label string `json:"label"`
	ID    string `json:"id"`
	Kind  string `json:"kind"`
}

type pageRow struct {
	Name       string `json:"name"`
	Search     string `json:"search"`
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
		Report:   report,
		Security: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hash(style), hash(script)),
		Style:    template.CSS(style),
		Script:   template.JS(script),
	}
	t := report.Totals
	for i, n := range []int{t.Critical, t.High, t.Medium, t.Low} {
		p.Severities = append(p.Severities, severityCount{severities()[i], n})
	}
	p.addRepositories(report)
	p.addMatrix(report)
	p.addGroups(report)
	return p, nil
}

// hash returns the source expression of an embedded text for the Content-Security-Policy.
func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func (p *page) addGroups(report Report) {
	const atOnce = 8
	rows := map[string]int{}
	for _, r := range p.Repositories {
		rows[r.Name] = r.Row
	}
	for _, g := range groups(report.Findings) {
		var all []pageFinding
		for _, f := range g.Findings {
			all = append(all, pageFinding{f, rows[f.Repository]})
		}
		n := min(atOnce, len(all))
		if len(all) == atOnce+1 {
			n++ // takes no more space than the line "1 more"
		}
		p.Groups = append(p.Groups, pageGroup{g, all[:n], all[n:]})
	}
}

func (p *page) addRepositories(report Report) {
	findings := map[string][]Finding{}
	for _, f := range report.Findings {
		findings[f.Repository] = append(findings[f.Repository], f)
	}
	for i, r := range report.Repositories {
		shown := pageRepository{Repository: r, Row: i, Findings: findings[r.Name]}
		if len(shown.Findings) > 0 {
			shown.Worst = shown.Findings[0].Severity
		}
		search := []string{visible(r.Name)}
		for _, s := range r.Statements {
			search = append(search, visible(s.Sid))
			shown.Statements = append(shown.Statements, newPageStatement(s))
		}
		shown.Search = strings.ToLower(strings.Join(search, " "))
		p.Repositories = append(p.Repositories, shown)
	}
}

func newPageStatement(s Statement) pageStatement {
	shown := pageStatement{
		Statement:    s,
		AccessText:   strings.ReplaceAll(s.accessText(), " ", ", "),
		ConsumerText: visible(s.consumerText(all)),
		ActionText:   visible(s.actionText()),
	}
	for _, c := range s.Conditions {
		shown.ConditionTexts = append(shown.ConditionTexts, visible(c.String()))
	}
	return shown
}

func (p *page) addMatrix(report Report) {
	index := map[column]int{}
	for i, c := range columns(report) {
		index[c] = i
		shown := pageColumn{i, visible(c.Label()), visible(c.ID), strings.ReplaceAll(string(c.Kind), "-", " ")}
		p.Data.Columns = append(p.Data.Columns, shown)
		if last := len(p.Consumers) - 1; last < 0 || p.Consumers[last].Kind != c.Kind {
			p.Consumers = append(p.Consumers, consumerGroup{Kind: c.Kind})
		}
		last := &p.Consumers[len(p.Consumers)-1]
		last.Columns = append(last.Columns, shown)
	}
	for _, r := range p.Repositories {
		row := pageRow{Name: visible(r.Name), Search: r.Search, Policy: r.Policy, Worst: r.Worst.String(), Cells: cells(r.Repository, index)}
		for _, f := range r.Findings {
			row.Severities |= 1 << f.Severity
		}
		p.Data.Rows = append(p.Data.Rows, row)
	}
}

// cells returns the columns with grants in the row of a repository, each with its grants.
func cells(r Repository, index map[column]int) []int {
	granted := make(map[int]grants)
	for _, c := range r.Consumers {
		granted[index[column{c.Kind, c.ID}]] |= grantsOf(c)
	}
	pairs := []int{}
	for i, g := range granted {
		pairs = append(pairs, i, int(g))
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
