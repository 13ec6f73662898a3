// Package scope says which repositories the stack looks after.
package scope

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bmatcuk/doublestar/v4"
)

// Scope is a set of repositories, given by patterns of their names: * matches within one part of a name, ** any
// number of parts.
type Scope struct{ include, exclude []string }

// New returns the repositories that match a pattern of include and none of exclude. The error names every pattern
// that is malformed, and says if one of include is missing. An empty pattern of exclude matches nothing.
func New(include, exclude []string) (Scope, error) {
	var errs []error
	if len(include) == 0 || slices.Contains(include, "") {
		errs = append(errs, errors.New("a pattern of the repositories in scope is empty: write ** for all of them"))
	}
	for _, pattern := range append(include[:len(include):len(include)], exclude...) {
		if !doublestar.ValidatePattern(pattern) {
			errs = append(errs, fmt.Errorf("pattern %q is malformed: use *, **, ? and [a-z]", pattern))
		}
	}
	return Scope{include: include, exclude: exclude}, errors.Join(errs...)
}

// Contains tells whether the repository is in scope.
func (s Scope) Contains(repository string) bool {
	return matchesAny(s.include, repository) && !matchesAny(s.exclude, repository)
}

func matchesAny(patterns []string, repository string) bool {
	for _, pattern := range patterns {
		if doublestar.MatchUnvalidated(pattern, repository) {
			return true
		}
	}
	return false
}
