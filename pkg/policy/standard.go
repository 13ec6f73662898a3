package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// GrantStyle is how statements grant access to accounts, roles, and users.
type GrantStyle string

const (
	// GrantPrincipal names accounts, roles, and users as principals. ECR rejects
	// the policy if one of them doesn't exist:
	// https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html
	GrantPrincipal GrantStyle = "principal"

	// GrantCondition grants access to all principals that meet a condition: on
	// aws:PrincipalAccount for accounts, on aws:PrincipalArn for roles and users.
	// It needs half the characters for an account, and ECR accepts principals that
	// don't exist:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
	GrantCondition GrantStyle = "condition"
)

func (g GrantStyle) validate() error {
	if g != GrantPrincipal && g != GrantCondition {
		return fmt.Errorf("unknown grant style %s; use %s or %s", quote(string(g)), GrantPrincipal, GrantCondition)
	}
	return nil
}

// Standard is the pull policy for all repositories of a registry. The zero
// value isn't valid: Registry and Style are required.
type Standard struct {
	Registry Registry
	Style    GrantStyle

	// Lambda adds statements that let the Lambda service pull images for functions
	// in the listed accounts, organizations, and organizational units, using
	// conditions on aws:SourceArn, aws:SourceOrgID, and aws:SourceOrgPaths:
	// https://docs.aws.amazon.com/lambda/latest/dg/images-create.html,
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
	Lambda bool

	// ExtraActions are granted to consumers in addition to the actions that a pull
	// needs, but not to the Lambda service. The allowed actions are
	// ecr:BatchGetRepositoryScanningConfiguration, ecr:BatchImportUpstreamImage,
	// ecr:DescribeImageScanFindings, ecr:DescribeImages,
	// ecr:DescribeRepositories, ecr:GetImageCopyStatus, ecr:GetLifecyclePolicy,
	// ecr:GetRepositoryPolicy, ecr:ListImages, and ecr:ListTagsForResource:
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
	ExtraActions []string

	// Level is the policy that grants to consumers; empty for LevelRepository.
	Level Level

	// Scope is the repositories that a registry policy grants on; the zero value
	// for all repositories.
	Scope Scope
}

// Validate returns an error with all problems of the standard: an invalid
// registry, an unknown grant style or level, actions that aren't allowed, and, at
// the level of the registry, patterns that a registry policy can't express.
// Whether the registry exists isn't checked. The other methods that return
// errors call it.
func (s Standard) Validate() error {
	problems := []error{s.Registry.validate(), s.Style.validate(), s.Level.validate()}
	if s.Level.isRegistry() {
		problems = append(problems, s.Scope.Expressible(""))
	}
	var unknown []string
	for _, action := range s.ExtraActions {
		if !slices.Contains(allowedActions(), action) {
			unknown = append(unknown, quote(action))
		}
	}
	if len(unknown) > 0 {
		problems = append(problems, fmt.Errorf("actions that aren't allowed: %s; use %s",
			strings.Join(unknown, ", "), strings.Join(ExtraActions(), ", ")))
	}
	return errors.Join(problems...)
}

// Parse parses the document at the standard's level, which grants to consumers:
// the registry policy, or the policy of a repository.
func (s Standard) Parse(text string) (Document, error) {
	return parseDocument(text, s.Registry, s.Level)
}

// actions returns the actions of a statement of a kind.
func (s Standard) actions(k kind) []string {
	if k.isForLambda() {
		return lambdaActions()
	}
	return sortedUnique(append(pullActions(), s.ExtraActions...))
}

// pullActions returns the actions that a pull needs:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html
func pullActions() []string {
	return []string{
		"ecr:BatchCheckLayerAvailability",
		"ecr:BatchGetImage",
		"ecr:GetDownloadUrlForLayer",
	}
}

// lambdaActions returns the actions that the Lambda service needs:
// https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
func lambdaActions() []string {
	return []string{
		"ecr:BatchGetImage",
		"ecr:GetDownloadUrlForLayer",
	}
}

// ExtraActions returns the additional actions that are allowed. They read, or
// support a pull through cache, and don't change images or settings.
func ExtraActions() []string {
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

// allowedActions returns all actions that managed statements can grant.
func allowedActions() []string {
	return append(pullActions(), ExtraActions()...)
}
