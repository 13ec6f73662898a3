package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/obstacle"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// RegistryAPI has the ECR operations that the checks use.
type RegistryAPI interface {
	ecr.DescribeRepositoriesAPIClient
	GetRegistryPolicy(context.Context, *ecr.GetRegistryPolicyInput, ...func(*ecr.Options)) (*ecr.GetRegistryPolicyOutput, error)
}

// registryPolicy checks whether the registry policy allows the same as the lists, because consumers that are removed
// from a list then keep their access. Managed statements follow the lists. What it denies is checked with the policies
// of the repositories. The error is that of the call.
func (d *Doctor) registryPolicy(ctx context.Context, lists accountlist.Snapshot) (string, Finding, error) {
	const subject = "registry policy"
	text, err := registry.Policy(ctx, d.ECR)
	switch {
	case err != nil:
		return "", unknown(subject, "ecr:GetRegistryPolicy", err), err
	case text == "":
		return "", ok(subject, "the registry has no policy"), nil
	}
	granted, err := d.pullers(text)
	if err != nil {
		return text, unknown(subject, "ecr:GetRegistryPolicy", err), nil
	}
	return text, d.granted(granted, lists.Consumers()), nil
}

// granted checks the consumers that the registry policy allows to pull from all repositories.
func (d *Doctor) granted(granted []iampolicy.Consumer, listed policy.Consumers) Finding {
	const subject = "registry policy"
	if slices.ContainsFunc(granted, func(c iampolicy.Consumer) bool { return c.Kind == iampolicy.AllPrincipals }) {
		return problem(subject, "find the statement with this command, and remove it:", "the registry policy allows principals in any account to pull from all repositories, regardless of the lists").
			with(d.command("aws ecr get-registry-policy --query policyText --output text"))
	}
	var both []string
	for _, consumer := range obstacle.Consumers(listed) {
		if slices.ContainsFunc(granted, func(c iampolicy.Consumer) bool { return c.ID == consumer.ID }) {
			both = append(both, consumer.ID)
		}
	}
	if len(both) == 0 {
		return ok(subject, "no unmanaged statement of the registry policy allows a consumer in the lists to pull from all repositories")
	}
	return warning(subject, "remove the statement from the registry policy, or the consumers from the lists",
		"the registry policy allows %s to pull from all repositories, even after they are removed from the lists", phrase.Some(both))
}

// pullers returns the consumers that a registry policy allows to pull from all repositories, unless it also denies that.
func (d *Doctor) pullers(text string) ([]iampolicy.Consumer, error) {
	statements, err := iampolicy.Read(text)
	if err != nil {
		return nil, err
	}
	// A pattern that covers all repositories matches this text, which is as long as the longest name, so that ? alone
	// doesn't match it. A NotResource element that excludes only some repositories covers it, too.
	const longestName = 256
	allRepositories := d.Standard.Registry.RepositoryARN(strings.Repeat("*", longestName))
	document := iampolicy.Document{Name: "registry policy", Statements: statements}
	var pullers []iampolicy.Consumer
	for _, s := range statements {
		if s.Err != nil {
			return nil, s.Err
		}
		if strings.HasPrefix(s.Sid, policy.SidPrefix) || s.Effect != iampolicy.Allow || !s.CoversAction("ecr:BatchGetImage") || s.MatchResource(allRepositories) != iampolicy.Yes {
			continue
		}
		for _, c := range s.Expand(allRepositories).AppliesTo() {
			request := iampolicy.Request{Consumer: c, Resource: allRepositories}
			if iampolicy.Evaluate([]iampolicy.Document{document}, request).Denies("ecr:BatchGetImage").Answer != iampolicy.Yes {
				pullers = append(pullers, c)
			}
		}
	}
	return pullers, nil
}
