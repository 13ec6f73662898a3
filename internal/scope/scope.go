// Package scope determines which repositories the stack manages.
package scope

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bmatcuk/doublestar/v4"
)

// Scope is a set of repositories that is specified by name patterns: * matches within one level of a name, and **
// matches any number of levels.
type Scope struct{ include, exclude []string }

// New returns the scope of repositories that match a pattern of include and no pattern of exclude. The error names
// every malformed pattern. include must have a pattern, and none of its patterns can be empty. An empty pattern of
// exclude matches no repository.
func New(include, exclude []string) (Scope, error) {
	var empty error
	if len(include) == 0 || slices.Contains(include, "") {
		empty = errors.New("an include pattern is empty; use ** to include all repositories")
	}
	return Scope{include: include, exclude: exclude}, errors.Join(empty, validate(slices.Concat(include, exclude)))
}

// validate returns an error that names every malformed pattern.
func validate(patterns []string) error {
	var errs []error
	for _, pattern := range patterns {
		if !doublestar.ValidatePattern(pattern) {
			errs = append(errs, fmt.Errorf("%q: invalid pattern; use *, **, ? and [a-z]", pattern))
		}
	}
	return errors.Join(errs...)
}

// Contains reports whether a repository is in scope.
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
