package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/settings"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// installed is a stack of ecr-pull-policy and its scope.
type installed struct {
	id, name         string
	include, exclude []string
	scope            scope.Scope
	observes         bool
	level            policy.Level
}

// readInstalled returns a stack of ecr-pull-policy, and reports false for any other stack.
func readInstalled(stack types.Stack) (installed, bool) {
	for _, name := range []string{"AccountListName", "GrantStyle", "Include", "Exclude", "Mode"} {
		if !slices.ContainsFunc(stack.Parameters, func(p types.Parameter) bool { return aws.ToString(p.ParameterKey) == name }) {
			return installed{}, false
		}
	}
	patterns := func(name string) []string { return settings.Items(parameter(stack, name)) }
	i := installed{
		id:       aws.ToString(stack.StackId),
		name:     aws.ToString(stack.StackName),
		include:  patterns("Include"),
		exclude:  patterns("Exclude"),
		observes: parameter(stack, "Mode") == "observe",
		level:    policy.Level(parameter(stack, "PolicyLevel")),
	}
	var err error
	i.scope, err = scope.New(i.include, i.exclude)
	return i, err == nil
}

// scopes checks the scope of the stack, and looks for other stacks in the same registry. The services are called
// concurrently.
func (d *Doctor) scopes(ctx context.Context, p parts) []Finding {
	if !p.known || p.installed.id == "" {
		return nil // complete reports a stack that isn't ecr-pull-policy's
	}
	var names []string
	var others []installed
	var namesErr, othersErr error
	var both sync.WaitGroup
	both.Go(func() { names, namesErr = d.repositories(ctx, p) })
	both.Go(func() { others, othersErr = d.otherStacks(ctx, p.installed.id) })
	both.Wait()

	var findings []Finding
	if namesErr != nil {
		findings = append(findings, unknown("scope", "ecr:DescribeRepositories", namesErr))
	} else {
		findings = append(findings, checkScope(p.installed, names)...)
	}
	const subject = "other stacks"
	switch {
	case othersErr != nil:
		findings = append(findings, unknown(subject, "cloudformation:DescribeStacks for all stacks", othersErr))
	case len(others) == 0:
		findings = append(findings, ok(subject, "no other stack of ecr-pull-policy is in %s", d.Standard.Registry.Region))
	}
	for _, other := range others {
		findings = append(findings, checkOther(p.installed, other, names))
	}
	return findings
}

// repositories returns the names of all repositories except for the stack's own one.
func (d *Doctor) repositories(ctx context.Context, p parts) ([]string, error) {
	names, err := registry.AllNames(ctx, d.ECR)
	return slices.DeleteFunc(names, func(name string) bool { return name == p.ids[principalCheckRepository] }), err
}

// otherStacks returns the stacks of ecr-pull-policy in the Region that have resources, except for one.
func (d *Doctor) otherStacks(ctx context.Context, id string) ([]installed, error) {
	var others []installed
	pages := cloudformation.NewDescribeStacksPaginator(d.CloudFormation, &cloudformation.DescribeStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, stack := range page.Stacks {
			switch stack.StackStatus {
			case types.StackStatusReviewInProgress, types.StackStatusRollbackComplete, types.StackStatusDeleteComplete:
				continue
			}
			if other, ok := readInstalled(stack); ok && other.id != id {
				others = append(others, other)
			}
		}
	}
	return others, nil
}

// checkScope checks whether every pattern matches a repository, because a pattern that doesn't can have a typo.
func checkScope(own installed, names []string) []Finding {
	const subject = "scope"
	if len(names) == 0 {
		return []Finding{ok(subject, "the registry has no repositories")}
	}
	var findings []Finding
	for _, parameter := range []struct {
		name     string
		patterns []string
	}{{"Include", own.include}, {"Exclude", own.exclude}} {
		if unmatched := scope.Unmatched(parameter.patterns, names); len(unmatched) > 0 {
			findings = append(findings, warning(subject, "check the spelling; to match several path segments, use ** instead of *; if the repositories don't exist yet, there is nothing to do",
				"no repository matches the parameter %s: %s", parameter.name, strings.Join(unmatched, ", ")))
		}
	}
	inScope := 0
	for _, name := range names {
		if own.scope.Contains(name) {
			inScope++
		}
	}
	if inScope == 0 {
		return append(findings, warning(subject, "check the parameters Include and Exclude of the stack", "in scope: none of %s", phrase.Repositories(len(names))))
	}
	return append(findings, ok(subject, "in scope: %d of %s", inScope, phrase.Repositories(len(names))))
}

// checkOther returns the finding for another stack in the same registry. Both stacks write the same statements, so each
// undoes the changes of the other.
func checkOther(own, other installed, names []string) Finding {
	const subject = "other stacks"
	shared := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !own.scope.Contains(name) || !other.scope.Contains(name)
	})
	remedy := fmt.Sprintf("delete one of the stacks, or change Include and Exclude so that no repository is in the scope of both; the scope of %s is Include=%s Exclude=%s",
		other.name, strings.Join(other.include, ","), strings.Join(other.exclude, ","))
	isAtRegistry := own.level == policy.LevelRegistry || other.level == policy.LevelRegistry
	switch {
	case isAtRegistry && !own.observes && !other.observes:
		return problem(subject, fmt.Sprintf("delete one of the stacks, or deploy both with PolicyLevel=%s and different scopes", policy.LevelRepository),
			"the stack %s is also deployed in this registry, and both write the managed statements of the registry policy: each stack undoes the other's changes", other.name)
	case len(shared) == 0:
		return warning(subject, remedy, "the stack %s is also deployed in this registry; no repository is in the scope of both, but a new one could be", other.name)
	case own.observes || other.observes:
		return warning(subject, remedy, "the stack %s is also deployed in this registry, and %s in the scope of both, such as %s; if both had the mode enforce, each would undo the other's changes",
			other.name, phrase.Count(len(shared), "repository is", "repositories are"), shared[0])
	}
	return problem(subject, remedy, "the stack %s is also deployed in this registry, and %s in the scope of both, such as %s: each stack undoes the other's changes",
		other.name, phrase.Count(len(shared), "repository is", "repositories are"), shared[0])
}
