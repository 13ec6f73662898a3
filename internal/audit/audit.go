// Package audit reports which consumers can pull from and push to the repositories of a registry, which statements
// allow this, and the security findings of each policy.
//
// It makes no AWS calls: Run evaluates policy texts and account lists, and the writers turn its Report into a table,
// JSON, CSV or a self-contained HTML page. To see a page with every kind of finding, run:
//
//	go run ./internal/audit/sample > report.html
package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Document is the policy of a repository.
type Document struct {
	Repository string
	Text       string          // "" if the repository has no policy
	Err        error           // the reason why the policy can't be read
	Lists      []policy.Listed // the lists on the repository's path, as in policy.Standard.Merge
	OutOfScope bool            // the repository doesn't get the standard policy
}

// Run audits the policies of a registry, in any order. It returns an error only if the standard is invalid.
func Run(standard policy.Standard, documents []Document, generated time.Time) (Report, error) {
	if err := standard.Validate(); err != nil {
		return Report{}, fmt.Errorf("standard policy: %w", err)
	}
	report := Report{
		Schema:       schema,
		Account:      standard.Registry.AccountID,
		Region:       standard.Registry.Region,
		Generated:    generated,
		Findings:     []Finding{},
		Repositories: []Repository{},
	}
	for _, document := range documents {
		repository, findings := review(standard, document)
		report.Repositories = append(report.Repositories, repository)
		report.Findings = append(report.Findings, findings...)
	}
	slices.SortFunc(report.Repositories, func(a, b Repository) int { return cmp.Compare(a.Name, b.Name) })
	sortFindings(report.Findings)
	report.Totals = totals(report)
	return report, nil
}

// review reads the policy of a repository and returns its statements and findings.
func review(standard policy.Standard, d Document) (Repository, []Finding) {
	repository := Repository{Name: d.Repository, Policy: Present, OutOfScope: d.OutOfScope, Statements: []Statement{}}
	whole := func(m mark) []Finding { return []Finding{m.at(d.Repository, Statement{})} }
	switch {
	case d.Err != nil:
		repository.Policy = Unreadable
		return repository, whole(unreadable("policy", d.Err))
	case d.Text == "" && d.OutOfScope:
		repository.Policy = Absent
		return repository, nil
	case d.Text == "":
		repository.Policy = Absent
		return repository, whole(noPolicy(standard, d))
	}
	statements, err := iampolicy.Read(d.Text)
	if err != nil {
		repository.Policy = Unreadable
		return repository, whole(unreadable("policy", err))
	}

	var findings []Finding
	change, err := merge(standard, d)
	if m, ok := drift(change, err); ok && !d.OutOfScope {
		findings = whole(m)
	}
	keeps := func(sid string) bool { return err == nil && !slices.Contains(change.Removed, sid) }
	rules := rules{standard.Registry, d.Lists, keeps}
	for i, read := range statements {
		s := evaluate(i+1, read)
		repository.Statements = append(repository.Statements, s)
		for _, m := range rules.marks(s) {
			findings = append(findings, m.at(d.Repository, s))
		}
	}
	return repository, findings
}

func merge(standard policy.Standard, d Document) (policy.Change, error) {
	existing, err := policy.ParseDocument(d.Text, standard.Registry)
	if err != nil {
		return policy.Change{}, err
	}
	return standard.Merge(existing, d.Lists)
}

// evaluate returns a statement with the access that it gives. A statement that can't be read gives none.
func evaluate(position int, read iampolicy.Statement) Statement {
	s := Statement{
		Position:  position,
		Statement: read,
		Managed:   strings.HasPrefix(read.Sid, policy.SidPrefix),
		Access:    []Access{},
		Consumers: []iampolicy.Consumer{},
	}
	if read.Err == nil {
		s.Access, s.Consumers = accessOf(read), read.AppliesTo()
	}
	return s
}
