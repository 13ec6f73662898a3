package audit

import (
	"maps"
	"slices"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/obstacle"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// registryReview is the review of the registry policy, which applies to all repositories.
type registryReview struct {
	state    State
	err      error              // the reason why it can't be read
	document iampolicy.Document // without statements if it can't be read, which is a finding

	// obstacles are its statements that deny consumers in the lists a pull from some repositories, by position.
	obstacles map[int]obstacle.Obstacle
}

func newRegistryReview(d Document) registryReview {
	state, statements, err := read(d)
	return registryReview{state, err, iampolicy.Document{Name: registryPolicy, Statements: statements}, map[int]obstacle.Obstacle{}}
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
	j := newJudge(a.standard.Registry.RepositoryARN("*"), r.document)
	reviewed := RegistryPolicy{Policy: r.state, Statements: j.evaluate(r.document.Statements)}
	if r.state == Unreadable {
		return reviewed, []Finding{unreadable("registry policy", r.err).at("", Statement{})}
	}
	rules := rules{
		registry:   a.standard.Registry,
		judge:      j,
		obstacles:  slices.Collect(maps.Values(r.obstacles)),
		outcome:    func(string) outcome { return unknown },
		isRegistry: true,
	}
	if len(documents) > 0 {
		rules.lists = documents[0].Lists[:min(1, len(documents[0].Lists))] // only the account list applies to all repositories
	}
	var findings []Finding
	for _, s := range reviewed.Statements {
		if m, ok := rules.finding(s); ok {
			findings = append(findings, m.at("", s))
		}
	}
	return reviewed, findings
}
