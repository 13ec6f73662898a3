package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// GrantStyle is how accounts are granted.
type GrantStyle string

const (
	// GrantPrincipal names each account as a principal. ECR then refuses the
	// policy if one of the accounts doesn't exist.
	GrantPrincipal GrantStyle = "principal"

	// GrantCondition names everybody as the principal and each account in a
	// condition on aws:PrincipalAccount. It takes half the characters, and is
	// never refused for an account that doesn't exist. Roles and users are
	// principals in this style too.
	GrantCondition GrantStyle = "condition"
)

// Standard is the standard pull policy as one stack configures it.
type Standard struct {
	Registry Registry
	Style    GrantStyle

	// Lambda adds a statement for the Lambda service, which pulls the images of
	// functions in the listed accounts, each account being pinned by
	// aws:SourceArn: https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
	Lambda bool

	// ExtraActions are granted to consumers besides those that a pull takes.
	// The Lambda service doesn't get them. Allowed are
	// ecr:BatchGetRepositoryScanningConfiguration, ecr:BatchImportUpstreamImage,
	// ecr:DescribeImageScanFindings, ecr:DescribeImages,
	// ecr:DescribeRepositories, ecr:GetImageCopyStatus, ecr:GetLifecyclePolicy,
	// ecr:GetRepositoryPolicy, ecr:ListImages and ecr:ListTagsForResource.
	ExtraActions []string
}

// Validate says everything that is wrong with the standard: an unknown grant
// style, actions outside the allow-list, an impossible registry.
func (s Standard) Validate() error {
	problems := []error{s.Registry.validate()}
	if s.Style != GrantPrincipal && s.Style != GrantCondition {
		problems = append(problems, fmt.Errorf("unknown grant style %s: use %s or %s",
			quote(string(s.Style)), GrantPrincipal, GrantCondition))
	}
	var unknown []string
	for _, action := range s.ExtraActions {
		if !slices.Contains(allowedActions(), action) {
			unknown = append(unknown, quote(action))
		}
	}
	if len(unknown) > 0 {
		problems = append(problems, fmt.Errorf("actions outside the pull-side allow-list: %s: allowed are %s",
			strings.Join(unknown, ", "), strings.Join(extraActions(), ", ")))
	}
	return errors.Join(problems...)
}

// actions are what a statement of a kind grants.
func (s Standard) actions(k kind) []string {
	if k == lambdaKind {
		return lambdaActions()
	}
	return sortedUnique(append(pullActions(), s.ExtraActions...))
}

// pullActions are what a pull takes:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html
func pullActions() []string {
	return []string{
		"ecr:BatchCheckLayerAvailability",
		"ecr:BatchGetImage",
		"ecr:GetDownloadUrlForLayer",
	}
}

// lambdaActions are what the Lambda service needs.
func lambdaActions() []string {
	return []string{
		"ecr:BatchGetImage",
		"ecr:GetDownloadUrlForLayer",
	}
}

// extraActions are what an operator may add: they read, or help a pull through
// a cache, and change nobody's images or settings.
func extraActions() []string {
	return []string{
		"ecr:BatchGetRepositoryScanningConfiguration",
		"ecr:BatchImportUpstreamImage",
		"ecr:DescribeImageScanFindings",
		"ecr:DescribeImages",
		"ecr:DescribeRepositories",
		"ecr:GetImageCopyStatus",
		"ecr:GetLifecyclePolicy",
		"ecr:GetRepositoryPolicy",
		"ecr:ListImages",
		"ecr:ListTagsForResource",
	}
}

// allowedActions is the pull-side allow-list.
func allowedActions() []string {
	return append(pullActions(), extraActions()...)
}
