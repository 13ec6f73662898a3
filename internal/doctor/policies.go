package doctor

import (
	"context"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
)

// mostPolicies is the number of policies that are read. In a larger registry, that would take minutes.
const mostPolicies = 2000

// policies checks whether a statement denies consumers what the lists grant, and whether policies grant access because
// of a list that doesn't exist. These repositories have the standard policy, so nothing else reports them. It also returns
// the plan.
func (d *Doctor) policies(ctx context.Context, lists accountlist.Snapshot) ([]Finding, []plan.Repository) {
	const subject = "policies"
	if lists.IsEmpty() {
		return nil, nil // the lists' own findings report it
	}
	planned, all, err := d.Plan(ctx, lists, mostPolicies)
	if err != nil {
		return []Finding{unknown(subject, "ecr:DescribeRepositories and ecr:GetRepositoryPolicy", err)}, nil
	}
	var findings []Finding
	if blocked := blocked(planned); len(blocked) > 0 {
		findings = append(findings, problem(subject, "show and remove the IDs of the deleted roles and users, and correct statements with NotPrincipal by hand:",
			"%s, unmanaged statements name deleted roles or users, so ECR rejects every change of the policy", phrase.InRepositories(blocked)).
			with(d.command(d.Program+" plan --remove-dead-principals --stack "+Quote(d.Stack)),
				d.command(d.Program+" apply --remove-dead-principals --stack "+Quote(d.Stack))))
	}
	for _, g := range plan.NoticeGroups(planned) {
		f := warning(subject, g.Remedy, "%s, %s", phrase.InRepositories(g.Repositories), g.Text)
		if g.Command != "" {
			f = f.with(d.command(g.Command))
		}
		findings = append(findings, f)
	}
	if len(findings) == 0 {
		findings = []Finding{ok(subject, "no statement denies a listed consumer a pull, no grant of a deleted list is left, and no policy names a deleted role or user")}
	}
	if all > len(planned) {
		findings = append(findings, ok(subject, "only the first %d of %d policies were checked; plan checks all of them", len(planned), all))
	}
	return findings, planned
}

// blocked returns the repositories whose policies can't be changed because they name deleted principals.
func blocked(planned []plan.Repository) []string {
	var names []string
	for _, one := range planned {
		if len(one.Deleted) > 0 {
			names = append(names, one.Name)
		}
	}
	return names
}
