// Package principals finds the accounts, roles and users that don't exist. ECR rejects a policy that names one of them
// without saying which, so they are found by writing policies to a repository that exists for nothing else: it is empty,
// and a grant on it lets nobody pull anything.
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

// Checker asks ECR which principals exist.
type Checker struct {
	Policies   Policies
	Repository string // that is written to
	Standard   policy.Standard
}

// Group is principals, by their ARNs, at least one of which doesn't exist.
type Group []string

// Check returns the groups of principals that ECR rejects; none if all exist. It makes one call if all fit into a policy.
func (c *Checker) Check(ctx context.Context, arns []string) ([]Group, error) {
	if len(arns) == 0 {
		return nil, nil
	}
	document, err := c.Standard.Naming(arns)
	if tooLarge := (*policy.SizeError)(nil); errors.As(err, &tooLarge) && len(arns) > 1 {
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

// Missing returns those of a group that don't exist, by halving it: with n principals of which m don't exist, it makes
// about m·log2(n/m) calls, and at most 2n. After an error it returns those that it has found until then.
func (c *Checker) Missing(ctx context.Context, group Group) ([]string, error) {
	if len(group) == 1 {
		return slices.Clone(group), nil
	}
	left, right := group[:len(group)/2], group[len(group)/2:]
	rejected, err := c.Check(ctx, left)
	if err != nil {
		return nil, err
	}
	if len(rejected) == 0 {
		return c.Missing(ctx, right) // without a call: it is why the group was rejected
	}
	missing, err := c.Missing(ctx, left)
	if err != nil {
		return missing, err
	}
	rejected, err = c.Check(ctx, right)
	if err != nil || len(rejected) == 0 {
		return missing, err
	}
	more, err := c.Missing(ctx, right)
	return append(missing, more...), err
}
