package scope

import (
	"errors"
	"fmt"
	"slices"
)

// Selection narrows the repositories that a command is for: to those that an argument names, of those to the ones that
// --include matches, and of those to the ones that --exclude doesn't match. Arguments can be names and patterns. Without
// arguments and flags, all repositories are selected. A selection never widens a scope.
type Selection struct{ arguments, include, exclude []string }

// NewSelection returns the selection of the arguments and the flags of a command. The error names every malformed
// pattern. An empty pattern is an error too, because it is that of an empty variable in a script.
func NewSelection(arguments, include, exclude []string) (Selection, error) {
	s := Selection{arguments, include, exclude}
	all := slices.Concat(s.positive(), exclude)
	if slices.Contains(all, "") {
		return Selection{}, errors.New("the name or pattern of a repository is empty; to select all repositories, leave it out")
	}
	return s, validate(all)
}

// positive returns the arguments and patterns that must each select a repository.
func (s Selection) positive() []string { return slices.Concat(s.arguments, s.include) }

// From returns the selected repositories. The error names every argument and pattern without effect, so that a typo
// doesn't go unnoticed.
func (s Selection) From(repositories []string) ([]string, error) {
	var errs []error
	for _, pattern := range Unmatched(slices.Concat(s.positive(), s.exclude), repositories) {
		errs = append(errs, fmt.Errorf("%q: no repository matches; check the spelling, the Region, and the account", pattern))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	var selected []string
	for _, repository := range repositories {
		if s.contains(repository) {
			selected = append(selected, repository)
		}
	}
	for _, pattern := range s.Unmatched(selected) {
		errs = append(errs, fmt.Errorf("%q: selects no repository, because the other arguments and flags exclude all that match", pattern))
	}
	return selected, errors.Join(errs...)
}

// Unmatched returns the arguments and include patterns that match none of the repositories.
func (s Selection) Unmatched(repositories []string) []string {
	return Unmatched(s.positive(), repositories)
}

func (s Selection) contains(repository string) bool {
	return (len(s.arguments) == 0 || matchesAny(s.arguments, repository)) &&
		(len(s.include) == 0 || matchesAny(s.include, repository)) && !matchesAny(s.exclude, repository)
}

// Unmatched returns the patterns that match none of the repositories.
func Unmatched(patterns, repositories []string) []string {
	return slices.DeleteFunc(slices.Clone(patterns), func(pattern string) bool {
		return slices.ContainsFunc(repositories, func(repository string) bool { return matchesAny([]string{pattern}, repository) })
	})
}
