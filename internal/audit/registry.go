package audit

import (
	"maps"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/obstacle"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// registryReview is the review of the registry policy, which applies to all repositories.
type registryReview struct {
	source   Document
	state    State
	err      error              // the reason why it can't be read
	document iampolicy.Document // without statements if it can't be read, which is a finding

	// obstacles are its statements that deny consumers in the lists a pull from some repositories, by position.
	obstacles map[int]obstacle.Obstacle
}

func newRegistryReview(d Document) registryReview {
	state, statements, err := read(d)
	return registryReview{d, state, err, iampolicy.Document{Name: registryPolicy, Statements: statements}, map[int]obstacle.Obstacle{}}
}

// note notes which statements deny consumers in the lists a pull from a repository in scope.
func (r *registryReview) note(standard policy.Standard, d Document) {
	if d.OutOfScope {
		return
	}
	for _, found := range obstacle.Find(standard, []iampolicy.Document{r.document}, d.Repository, d.Lists) {
		r.obstacles[found.Position] = found.Merge(r.obstacles[found.Position])
	}
}

// covering returns the statements, of which those that don't cover a resource are empty.
func (r *registryReview) covering(resource string) []iampolicy.Statement {
	statements := slices.Clone(r.document.Statements)
	for i, s := range statements {
		if !s.CoversResource(resource) {
			statements[i] = iampolicy.Statement{Sid: s.Sid, Effect: s.Effect}
		}
	}
	return statements
}

// reviewRegistry returns the statements of the registry policy and the findings about them. It must run after the
// repositories' reviews.
func (a *auditor) reviewRegistry(documents []Document) (RegistryPolicy, []Finding) {
	r := a.registry
	reviewed := RegistryPolicy{Policy: r.state, Statements: []Statement{}}
	if r.state == Unreadable {
		return reviewed, []Finding{unreadable("registry policy", r.err).whole("")}
	}
	existing, err := policy.ParseRegistryDocument(r.source.Text, a.standard.Registry)
	var change policy.Change
	if err == nil {
		change, err = a.standard.Merge(existing, r.source.Lists)
	}
	grants := map[string]policy.Grant{}
	for _, g := range existing.Grants() {
		grants[g.Sid] = g
	}
	ofList := func(namespace string) policy.Listed {
		i := slices.IndexFunc(r.source.Lists, func(l policy.Listed) bool { return l.Namespace == namespace })
		if i < 0 {
			return policy.Listed{}
		}
		return r.source.Lists[i]
	}
	rules := rules{
		registry:  a.standard.Registry,
		obstacles: slices.Collect(maps.Values(r.obstacles)),
		outcome: func(sid string) outcome {
			switch {
			case err != nil || len(r.source.Lists) == 0:
				return unknown
			case slices.Contains(change.Removed, sid):
				return corrected
			case ofList(grants[sid].Namespace).Consumers == nil:
				return keptWithoutList
			}
			return kept
		},
		isRegistry: true,
		otherLevel: a.otherLevel(existing),
	}
	var main []policy.Listed
	if len(documents) > 0 {
		main = documents[0].Lists[:min(1, len(documents[0].Lists))] // only the account list applies to all repositories
	}
	var findings []Finding
	explained := map[string]bool{}
	for i, read := range r.document.Statements {
		var shown Statement // as it is for the repositories with the most severe finding
		var found mark
		var denies []string
		rules.lists = main
		if g, ok := grants[read.Sid]; ok && g.Namespace != "" {
			rules.lists = append(slices.Clone(main), ofList(g.Namespace))
		}
		for n, resource := range reviewedResources(read, a.standard.Registry) {
			rules.judge = newJudge(resource, r.document)
			s := rules.judge.statement(i+1, read)
			if m, ok := rules.finding(s); n == 0 || ok && m.severity > found.severity {
				shown, found, denies = s, m, rules.judge.denies(s)
			}
		}
		reviewed.Statements = append(reviewed.Statements, shown)
		if found.severity > 0 {
			findings = append(findings, found.at("", shown, denies))
			explained[shown.Sid] = explained[shown.Sid] || found.remedy == Drift.Remedy()
		}
	}
	if m, ok := drift(change, err); ok && (err != nil || !explains(explained, change)) {
		findings = append(findings, m.whole(""))
	}
	return reviewed, findings
}

// reviewedResources returns the ARNs for which a statement is reviewed: all repositories or, if it covers only some,
// those that its patterns match. Their wildcards stay, so that a Deny statement must cover all of them.
func reviewedResources(s iampolicy.Statement, registry policy.Registry) []string {
	all := registry.RepositoryARN("*")
	if s.CoversResource(all) {
		return []string{all}
	}
	var some []string
	for _, pattern := range s.Resources {
		name := strings.TrimPrefix(pattern[strings.LastIndex(pattern, ":")+1:], "repository/")
		if arn := registry.RepositoryARN(name); s.CoversResource(arn) {
			some = append(some, arn)
		}
	}
	if len(some) == 0 { // the statement covers nothing in this registry
		return []string{all}
	}
	return some
}
