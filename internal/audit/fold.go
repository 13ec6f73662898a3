package audit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/group"
)

// task has the findings about which the same is to be done.
type task struct {
	Severity Severity // the highest
	Title    string
	Remedy   string
	Count    int       // of findings
	Problems []problem // in descending order of their severity, and then of the number of repositories
}

// problem is the same finding in one or more repositories.
type problem struct {
	Severity     Severity
	Statement    string // the Sid or the position of the statement; "" for the policy as a whole
	Explanation  string
	Repositories []string
}

// tasks groups sorted findings by what is to be done about them, whatever their kinds and severities.
func tasks(findings []Finding) []task {
	var all []task
	for _, same := range group.By(findings, func(f Finding) string { return f.todo() + "\n" + f.Remedy }) {
		first := same[0]
		all = append(all, task{first.Severity, first.todo(), first.Remedy, len(same), problems(same)})
	}
	return all
}

// decision has the findings of one kind that are accepted for the same reason until the same day.
type decision struct {
	Kind     Kind
	Reason   string
	Until    string
	Count    int // of findings
	Problems []problem
}

// decisions groups accepted findings by the decision to accept them.
func decisions(accepted []AcceptedFinding) []decision {
	type entry struct {
		kind          Kind
		reason, until string
	}
	var all []decision
	for _, same := range group.By(accepted, func(f AcceptedFinding) entry { return entry{f.Kind, f.Reason, f.Until} }) {
		var findings []Finding
		for _, f := range same {
			findings = append(findings, f.Finding)
		}
		all = append(all, decision{same[0].Kind, same[0].Reason, same[0].Until, len(same), problems(findings)})
	}
	return all
}

func problems(findings []Finding) []problem {
	type cause struct {
		severity         Severity
		sid, explanation string
	}
	var all []problem
	for _, same := range group.By(findings, func(f Finding) cause { return cause{f.Severity, f.Sid, f.Explanation} }) {
		first := same[0]
		p := problem{Severity: first.Severity, Statement: statementName(first.Statement, first.Sid), Explanation: first.Explanation}
		for _, f := range same {
			p.Repositories = append(p.Repositories, f.Place())
			if f.Statement != first.Statement && first.Sid == "" { // at different positions
				p.Statement = ""
			}
		}
		p.Repositories = slices.Compact(p.Repositories)
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b problem) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(len(b.Repositories), len(a.Repositories)))
	})
	return all
}

// statementName returns the name of a statement: its Sid, or else its position. It is "" for the policy as a whole.
func statementName(position int, sid string) string {
	if sid == "" && position > 0 {
		return fmt.Sprintf("statement %d", position)
	}
	return sid
}

// where returns the repository and the statement of a finding.
func (f Finding) where() string {
	if statement := statementName(f.Statement, f.Sid); statement != "" {
		return f.Place() + ", " + statement
	}
	return f.Place()
}

// twins returns repositories that have the same policy and findings, in descending order of their number.
func twins(repositories []Repository, findings map[string][]Finding) [][]Repository {
	all := group.By(repositories, func(r Repository) string { return withoutName(r, findings[r.Name]) })
	slices.SortStableFunc(all, func(a, b []Repository) int { return cmp.Compare(len(b), len(a)) })
	return all
}

// withoutName returns a repository and its findings without its name, as a text that can be compared.
func withoutName(r Repository, findings []Finding) string {
	name := r.Name
	r.Name = ""
	findings = slices.Clone(findings)
	for i := range findings {
		findings[i].Repository = ""
	}
	text, err := json.Marshal([]any{r, findings})
	if err != nil {
		return name // which is unique
	}
	return string(text)
}
