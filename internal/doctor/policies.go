package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
)

// mostPolicies is the number of policies that are read. In a larger registry, that would take minutes.
const mostPolicies = 2000

// policies checks whether a statement denies consumers what the lists grant, and whether policies grant access because
// of a list that doesn't exist. These repositories have the standard policy, so nothing else reports them.
func (d *Doctor) policies(ctx context.Context, lists accountlist.Snapshot) []Finding {
	const subject = "policies"
	if lists.IsEmpty() {
		return nil // the lists' own findings report it
	}
	planned, all, err := d.Plan(ctx, lists, mostPolicies)
	if err != nil {
		return []Finding{unknown(subject, "ecr:DescribeRepositories and ecr:GetRepositoryPolicy", err)}
	}
	var findings []Finding
	for _, g := range plan.NoticeGroups(planned) {
		f := warning(subject, g.Remedy, "in %s, %s", repositories(g.Repositories), g.Text)
		if g.Command != "" {
			f = f.with(d.command(g.Command))
		}
		findings = append(findings, f)
	}
	if len(findings) == 0 {
		findings = []Finding{ok(subject, "no statement denies a listed consumer a pull, and no grant of a deleted list is left")}
	}
	if all > len(planned) {
		findings = append(findings, ok(subject, "only the first %d of %d policies were checked; plan checks all of them", len(planned), all))
	}
	return findings
}

// repositories names the first of some repositories, and counts the others.
func repositories(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s, and %d more repositories", strings.Join(names[:most], ", "), len(names)-most)
}
