// Package principals finds accounts, roles and users that don't exist. ECR rejects a policy that names one of them
// without reporting which one. To find them, the package writes policies to a repository that has no other purpose.
// The repository is empty, so a grant on it lets no one pull an image.
//
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html
package principals

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Policies writes repository policies. It fails with registry.ErrRejected for a policy that ECR rejects.
type Policies interface {
	SetPolicy(ctx context.Context, repository, document string) error
}

// Checker checks which principals exist.
type Checker struct {
	Policies   Policies
	Repository string // the repository that policies are written to
	Standard   policy.Standard
}

// Group is the ARNs of principals at least one of which doesn't exist.
type Group []string

// Check returns the groups of principals that ECR rejects, or none if all exist. It makes one call if all fit into a
// policy.
func (c *Checker) Check(ctx context.Context, arns []string) ([]Group, error) {
	if len(arns) == 0 {
		return nil, nil
	}
	document, err := c.Standard.Naming(arns)
	if _, ok := errors.AsType[*policy.SizeError](err); ok && len(arns) > 1 {
		left, err := c.Check(ctx, arns[:len(arns)/2])
		if err != nil {
			return nil, err
		}
		right, err := c.Check(ctx, arns[len(arns)/2:])
		return append(left, right...), err
	}
	if err != nil {
		return nil, fmt.Errorf("check principals: %w", err)
	}
	err = c.Policies.SetPolicy(ctx, c.Repository, document)
	if errors.Is(err, registry.ErrRejected) {
		return []Group{arns}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("check principals: %w", err)
	}
	return nil, nil
}

// Missing returns the principals of a group that don't exist. It halves the group repeatedly: for n principals of which
// m don't exist, it makes about m·log2(n/m) calls, and at most 2n. ECR has rejected each of them by itself, because a
// principal that begins to exist in the meantime must not make another one missing. After an error, it returns those
// found so far.
func (c *Checker) Missing(ctx context.Context, group Group) ([]string, error) {
	return c.missing(ctx, group, true)
}

// missing returns those of the principals that don't exist. rejected reports whether ECR has rejected just these
// principals, not a larger group.
func (c *Checker) missing(ctx context.Context, arns []string, rejected bool) ([]string, error) {
	if len(arns) == 1 && rejected {
		return slices.Clone(arns), nil
	}
	if len(arns) == 1 {
		return c.rejected(ctx, arns)
	}
	left, right := arns[:len(arns)/2], arns[len(arns)/2:]
	groups, err := c.Check(ctx, left)
	if err != nil {
		return nil, err
	}
	if len(groups) == 0 {
		return c.missing(ctx, right, false) // without a call: the group was rejected because of this half
	}
	missing, err := c.missing(ctx, left, true)
	if err != nil {
		return missing, err
	}
	more, err := c.rejected(ctx, right)
	return append(missing, more...), err
}

// rejected checks principals first, and returns those that don't exist.
func (c *Checker) rejected(ctx context.Context, arns []string) ([]string, error) {
	groups, err := c.Check(ctx, arns)
	if err != nil || len(groups) == 0 {
		return nil, err
	}
	return c.missing(ctx, arns, true)
}
