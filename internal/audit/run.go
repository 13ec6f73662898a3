package audit

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Document is the policy of a repository, as it was read.
type Document struct {
	Repository string
	Text       string          // "" if the repository has no policy
	Err        error           // why the policy could not be read
	Lists      []policy.Listed // those on the repository's path, as policy.Standard's Merge takes them
	OutOfScope bool            // nobody holds the repository to the standard: it can't differ from it
}

// Run audits the policies of a registry, in any order. It fails only if the standard is invalid.
func Run(standard policy.Standard, documents []Document, generated time.Time) (Report, error) {
	if err := standard.Validate(); err != nil {
		return Report{}, fmt.Errorf("standard policy: %w", err)
	}
	report := Report{
		Schema:       1,
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

// review reads the policy of a repository and marks what is to be marked.
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
	statements, problems, err := readDocument(d.Text)
	if err != nil {
		repository.Policy = Unreadable
		return repository, whole(unreadable("policy", err))
	}
	repository.Statements = statements

	var findings []Finding
	change, err := merge(standard, d)
	if m, ok := drift(change, err); ok && !d.OutOfScope {
		findings = whole(m)
	}
	keeps := func(sid string) bool { return err == nil && !slices.Contains(change.Removed, sid) }
	rules := rules{standard.Registry, d.Lists, keeps}
	for _, s := range statements {
		marks := rules.marks(s)
		if problem, ok := problems[s.Position]; ok {
			marks = []mark{unreadable("statement", problem)}
		}
		for _, m := range marks {
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

func totals(report Report) Totals {
	t := Totals{Repositories: len(report.Repositories), Consumers: len(columns(report))}
	for _, repository := range report.Repositories {
		if repository.Policy == Present {
			t.WithPolicy++
		}
		for _, s := range repository.Statements {
			if s.Owner == Ours {
				t.Ours++
			} else {
				t.Foreign++
			}
		}
	}
	for _, f := range report.Findings {
		switch f.Severity {
		case Critical:
			t.Critical++
		case High:
			t.High++
		case Medium:
			t.Medium++
		case Low:
			t.Low++
		}
	}
	return t
}
