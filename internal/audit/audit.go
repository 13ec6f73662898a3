// Package audit reports which consumers can pull from and push to the repositories of a registry, which statements
// allow this, and the security findings of each policy.
//
// It makes no AWS calls: Run evaluates policy texts and account lists, and the writers turn its Report into a table,
// JSON, CSV, SARIF, or a self-contained HTML page. To see a page with every kind of finding, run:
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
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/obstacle"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Document is the policy of a repository, or of the registry.
type Document struct {
	Repository string
	Text       string          // "" if there is no policy
	Err        error           // the reason why the policy can't be read
	Lists      []policy.Listed // the lists on the repository's path, as in policy.Standard.Merge
	OutOfScope bool            // the repository doesn't get the standard policy
}

// Run audits the policies of a registry: that of the registry itself, whose Repository is empty, and those of its
// repositories, in any order. It returns an error only if the standard is invalid.
func Run(standard policy.Standard, registryPolicy Document, documents []Document, generated time.Time) (Report, error) {
	if err := standard.Validate(); err != nil {
		return Report{}, fmt.Errorf("standard policy: %w", err)
	}
	report := Report{
		Account:      standard.Registry.AccountID,
		Region:       standard.Registry.Region,
		Generated:    generated,
		Findings:     []Finding{},
		Repositories: []Repository{},
		Accepted:     []AcceptedFinding{},
	}
	a := auditor{standard: standard, registry: newRegistryReview(registryPolicy)}
	for _, document := range documents {
		repository, findings := a.review(document)
		report.Repositories = append(report.Repositories, repository)
		report.Findings = append(report.Findings, findings...)
	}
	policy, findings := a.reviewRegistry(documents)
	report.RegistryPolicy = policy
	report.Findings = append(report.Findings, findings...)
	slices.SortFunc(report.Repositories, func(a, b Repository) int { return cmp.Compare(a.Name, b.Name) })
	sortFindings(report.Findings)
	report.Totals = totals(report)
	return report, nil
}

// The names of the documents that apply to a repository.
const (
	repositoryPolicy = "repository policy"
	registryPolicy   = "registry policy"
)

// auditor audits the documents of one registry.
type auditor struct {
	standard policy.Standard
	registry registryReview
}

// review reads the policy of a repository and returns its statements and findings.
func (a *auditor) review(d Document) (Repository, []Finding) {
	repository := Repository{
		Name: d.Repository, Policy: Present, OutOfScope: d.OutOfScope, Statements: []Statement{}, Consumers: []ConsumerAccess{},
	}
	state, statements, err := read(d)
	repository.Policy = state
	own := iampolicy.Document{Name: repositoryPolicy, Statements: statements} // that it can't be read is a finding
	a.registry.note(a.standard, d)
	j := newJudge(a.standard.Registry.RepositoryARN(d.Repository), own, a.registry.document)
	repository.Statements = j.evaluate(statements)
	repository.Consumers = consumers(repository.Statements, j.evaluate(a.registry.covering(j.resource)))
	switch {
	case state == Unreadable:
		return repository, []Finding{unreadable("policy", err).whole(d.Repository)}
	case state == Absent && d.OutOfScope:
		return repository, nil
	case state == Absent && a.standard.Level != policy.LevelRegistry:
		return repository, []Finding{noPolicy(a.standard, d).whole(d.Repository)}
	}

	existing, change, err := merge(a.standard, d)
	rules := rules{
		registry:  a.standard.Registry,
		lists:     d.Lists,
		judge:     j,
		obstacles: obstacle.Find(a.standard, []iampolicy.Document{own}, d.Repository, d.Lists),

		otherLevel: a.otherLevel(existing),
		outcome: func(sid string) outcome {
			switch {
			case err != nil:
				return unknown
			case !slices.Contains(change.Removed, sid) && isOfUnusable(sid, existing, d.Lists):
				return keptWithoutList
			case !slices.Contains(change.Removed, sid):
				return kept
			case d.OutOfScope:
				return outOfScope
			}
			return corrected
		},
	}
	var findings []Finding
	explained := map[string]bool{} // the Sids of the statements with findings that apply corrects
	for _, s := range repository.Statements {
		if m, ok := rules.finding(s); ok {
			findings = append(findings, m.at(d.Repository, s, j.denies(s)))
			explained[s.Sid] = explained[s.Sid] || m.remedy == Drift.Remedy()
		}
	}
	if m, ok := drift(change, err); ok && !d.OutOfScope && (err != nil || !explains(explained, change)) {
		findings = append(findings, m.whole(d.Repository))
	}
	return repository, findings
}

// otherLevel returns the Sids of the managed statements that the policy level doesn't need in a document. Those for Lambda
// are in the policies of repositories at either level.
func (a *auditor) otherLevel(d policy.Document) []string {
	var sids []string
	for _, g := range d.Grants() {
		if (d.Level() == policy.LevelRegistry) != (a.standard.Level == policy.LevelRegistry) && !g.IsForLambda() {
			sids = append(sids, g.Sid)
		}
	}
	return sids
}

// explains reports whether the findings of statements already name all statements that a change concerns.
func explains(explained map[string]bool, change policy.Change) bool {
	return !slices.ContainsFunc(slices.Concat(change.Added, change.Removed), func(sid string) bool { return !explained[sid] })
}

// read returns the state of a policy and its statements. There are none unless it is present.
func read(d Document) (State, []iampolicy.Statement, error) {
	switch {
	case d.Err != nil:
		return Unreadable, nil, d.Err
	case d.Text == "":
		return Absent, nil, nil
	}
	statements, err := iampolicy.Read(d.Text)
	if err != nil {
		return Unreadable, nil, err
	}
	return Present, statements, nil
}

// isOfUnusable reports whether a managed statement is of a list that can't be used.
func isOfUnusable(sid string, existing policy.Document, lists []policy.Listed) bool {
	return slices.ContainsFunc(existing.Grants(), func(g policy.Grant) bool {
		return g.Sid == sid && g.List < len(lists) && lists[g.List].Consumers == nil
	})
}

func merge(standard policy.Standard, d Document) (existing policy.Document, change policy.Change, err error) {
	if existing, err = policy.ParseDocument(d.Text, standard.Registry); err != nil {
		return existing, change, err
	}
	change, err = standard.Merge(existing, d.Lists)
	return existing, change, err
}

// evaluate returns statements with the access that they give. A statement that can't be read gives none.
func (j *judge) evaluate(statements []iampolicy.Statement) []Statement {
	evaluated := []Statement{}
	for i, read := range statements {
		evaluated = append(evaluated, j.statement(i+1, read))
	}
	return evaluated
}

func (j *judge) statement(position int, read iampolicy.Statement) Statement {
	s := Statement{
		Position:  position,
		Statement: read,
		Managed:   strings.HasPrefix(read.Sid, policy.SidPrefix),
		Access:    []Access{},
		Consumers: []iampolicy.Consumer{},
	}
	if read.Err == nil {
		s.actions = actionsOf(read)
		s.Access = ordered(s.actions)
		s.Consumers = j.narrow(s, j.meeting(read, read.Expand(j.resource).AppliesTo()))
		s.grants = j.grants(s)
	}
	return s
}

// meeting returns the consumers that can meet all conditions of an Allow statement. AppliesTo narrows them by one of the
// conditions only, and another one can exclude them. narrow decides about all principals.
func (j *judge) meeting(read iampolicy.Statement, all []iampolicy.Consumer) []iampolicy.Consumer {
	if read.Effect != iampolicy.Allow {
		return all
	}
	return slices.DeleteFunc(all, func(c iampolicy.Consumer) bool {
		answer, _ := read.Applies(j.request(c))
		return answer == iampolicy.No && !isAllPrincipals(c) && c.Kind != iampolicy.DeletedPrincipal
	})
}

// narrow replaces all principals with those that a Deny statement leaves out, if it denies everyone else, and with the
// AWS services, if only these meet all conditions.
func (j *judge) narrow(s Statement, all []iampolicy.Consumer) []iampolicy.Consumer {
	if s.Effect != iampolicy.Allow || len(s.Access) == 0 || !slices.ContainsFunc(all, isAllPrincipals) {
		return all
	}
	if j.openTo(s, s.Access).open != iampolicy.No {
		return all
	}
	remaining, _ := j.exempted(s)
	if j.isOpenToServices(s) {
		remaining = append(remaining, iampolicy.Consumer{Kind: iampolicy.ServicePrincipal, ID: iampolicy.AnyService, Principal: "*"})
	}
	if len(remaining) == 0 {
		return all // no principal is left out, so the consumer is shown as denied
	}
	return append(slices.DeleteFunc(slices.Clone(all), isAllPrincipals), remaining...)
}

// consumers returns what each consumer of some statements can do, in the order of ConsumerKinds.
func consumers(statements ...[]Statement) []ConsumerAccess {
	index := map[iampolicy.Consumer]int{}
	all := []ConsumerAccess{}
	for _, s := range slices.Concat(statements...) {
		for _, g := range s.grants {
			c := g.consumer
			c.Principal = ""
			i, ok := index[c]
			if !ok {
				i = len(all)
				index[c] = i
				all = append(all, ConsumerAccess{
					Kind: c.Kind, ID: c.ID, Account: c.Account, Organization: c.Organization, OrganizationPath: c.OrganizationPath, Source: c.Source,
				})
			}
			all[i].add(s, g)
		}
	}
	kinds := iampolicy.ConsumerKinds()
	slices.SortFunc(all, func(a, b ConsumerAccess) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Account, b.Account),
			cmp.Compare(a.Organization, b.Organization), cmp.Compare(a.Source, b.Source))
	})
	return all
}
