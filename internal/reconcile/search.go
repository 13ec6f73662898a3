package reconcile

import (
	"context"
	"errors"
	"fmt"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// search looks for the principals that don't exist, by writing policies to one repository and seeing which ones ECR
// takes.
type search struct {
	*Reconciler
	repository string
	original   string // its policy before the search
	lists      []*policy.Consumers
	tried      bool // a trial is in place
}

// run returns the principals in the lists that don't exist. It first suspects those that the original policy doesn't
// name, which are few where an earlier search left them out: if ECR takes all others, they are what is left to look at.
func (s *search) run(ctx context.Context) ([]string, error) {
	all := s.Standard.Principals(s.lists)
	missing := subtract(all, s.Standard.Named(s.original))
	if others := subtract(all, missing); len(missing) > 0 && len(others) > 0 {
		taken, err := s.taken(ctx, others)
		if err != nil {
			return nil, err
		}
		if taken {
			return s.halve(ctx, missing)
		}
	}
	taken, err := s.taken(ctx, nil)
	if err != nil {
		return nil, err
	}
	if !taken {
		return nil, &errForeign{policy.NamingPrincipals(s.original)}
	}
	return s.halve(ctx, all)
}

// halve returns those of the principals that don't exist.
func (s *search) halve(ctx context.Context, principals []string) ([]string, error) {
	taken, err := s.taken(ctx, principals)
	if err != nil || taken {
		return nil, err
	}
	if len(principals) == 1 {
		return principals, nil
	}
	middle := len(principals) / 2
	left, err := s.halve(ctx, principals[:middle])
	if err != nil {
		return nil, err
	}
	right, err := s.halve(ctx, principals[middle:])
	return append(left, right...), err
}

// taken tries a policy that names the principals. It doesn't take several for which there is no room.
func (s *search) taken(ctx context.Context, principals []string) (bool, error) {
	taken, err := s.write(ctx, func(existing string) (string, error) {
		return s.Standard.Trial(existing, s.lists, principals)
	})
	if tooLarge := (*policy.SizeError)(nil); errors.As(err, &tooLarge) && len(principals) > 1 {
		return false, nil
	}
	s.tried = s.tried || taken
	return taken, err
}

// giveUp ends a search that failed. A trial grants to those too whom the lists don't name any more; this leaves just
// those whom they do, by condition, until the next look.
func (s *search) giveUp(ctx context.Context) error {
	if !s.tried {
		return nil
	}
	_, err := s.write(ctx, func(existing string) (string, error) { return s.Standard.ByCondition(existing, s.lists) })
	return err
}

// write writes what a function makes of the policy as it is now, and tells whether ECR takes it.
func (s *search) write(ctx context.Context, change func(existing string) (string, error)) (taken bool, err error) {
	existing, err := s.Policies.Policy(ctx, s.repository)
	if err != nil {
		return false, err
	}
	document, err := change(existing)
	if err != nil {
		return false, fmt.Errorf("look for principals that don't exist: %w", err)
	}
	err = s.Reconciler.write(ctx, s.repository, document)
	if errors.Is(err, ErrRefused) {
		return false, nil
	}
	return err == nil, err
}
