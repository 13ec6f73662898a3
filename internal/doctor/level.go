package doctor

import (
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// level checks whether the registry policy is what the lists and the policy level require, and whether the other level
// has managed statements from the time before a change of the level.
func (d *Doctor) level(text string, lists accountlist.Snapshot, planned []plan.Repository) []Finding {
	const subject = "policy level"
	registryPolicy, after, err := (&plan.Planner{Standard: d.Standard}).PlanRegistry(text, lists)
	apply := d.command(d.Program + " apply --stack " + Quote(d.Stack))
	switch {
	case d.Standard.Level != policy.LevelRegistry && err == nil && len(after.Grants()) > 0:
		return []Finding{warning(subject, "write what is missing to the policies of repositories, and then remove these statements:",
			"the policy level is %s, but the registry policy still has managed statements; they follow the lists", policy.LevelRepository).with(apply)}
	case d.Standard.Level != policy.LevelRegistry:
		return []Finding{ok(subject, "the policy level is %s, and the registry policy has no managed statements", policy.LevelRepository)}
	case err != nil:
		return []Finding{problem(subject, "correct the list, the scope, or the policy level that the message names", "can't build the registry policy: %v", err)}
	}
	var findings []Finding
	if registryPolicy.Outcome == plan.Change {
		findings = append(findings, problem(subject, "if no list changed in the last minutes, write the registry policy:", "the registry policy isn't what the lists require").with(apply))
	}
	for _, g := range plan.NoticeGroups([]plan.Repository{registryPolicy}) {
		findings = append(findings, warning(subject, g.Remedy, "%s, %s", phrase.InRepositories(g.Repositories), g.Text).with(d.command(g.Command)))
	}
	var kept []string
	for _, one := range planned {
		if one.Unmoved {
			kept = append(kept, one.Name)
		}
	}
	switch {
	case len(kept) > 0:
		findings = append(findings, warning(subject, "remove them, after the registry policy was written and read back:",
			"the policy level is %s, but managed statements remain %s; they follow the lists", policy.LevelRegistry, phrase.InRepositories(kept)).with(apply))
	case !d.Standard.Lambda && len(after.Grants()) > 0 && !after.IsOnly():
		findings = append(findings, warning(subject, "read all repositories, and mark the registry policy:",
			"the registry policy isn't marked as the only one with managed statements, so each change of a list also checks repositories").with(apply))
	}
	if len(findings) == 0 {
		findings = append(findings, ok(subject, "the policy level is %s, and the registry policy is what the lists require", policy.LevelRegistry))
	}
	return findings
}
