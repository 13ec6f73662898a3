package doctor

import (
	"context"
	"fmt"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
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
	findings = append(findings, d.failed(planned)...)
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

// failed reports the policies that can't be read, and those that the lists can't change, for example because they would
// be too long.
func (d *Doctor) failed(planned []plan.Repository) (findings []Finding) {
	var unread, unchangeable []plan.Repository
	for _, one := range planned {
		switch _, isAWS := awsclient.Returned(one.Err); {
		case one.Outcome != plan.Failed:
		case isAWS:
			unread = append(unread, one)
		default:
			unchangeable = append(unchangeable, one)
		}
	}
	if len(unread) > 0 {
		findings = append(findings, unknown("policies", "ecr:GetRepositoryPolicy", fmt.Errorf("%s: %w", phrase.InRepositories(names(unread)), unread[0].Err)))
	}
	if len(unchangeable) > 0 {
		findings = append(findings, problem("policies", "show the reason for each repository:", "%s, the policy can't grant what the lists specify; the first reason: %s",
			phrase.InRepositories(names(unchangeable)), awsclient.ErrorText(unchangeable[0].Err)).
			with(d.command(d.Program+" plan --stack "+Quote(d.Stack))))
	}
	return findings
}

func names(planned []plan.Repository) []string {
	var names []string
	for _, one := range planned {
		names = append(names, one.Name)
	}
	return names
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
