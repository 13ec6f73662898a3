package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Scope is the repositories that the standard is for, as patterns of their
// names: those that match one of Include and none of Exclude. In the patterns,
// * matches within one path segment, and ** matches any number of segments.
// The zero value has all repositories.
//
// Only the registry policy needs it: the caller of [Standard.Merge] selects the
// repositories whose policies are merged.
type Scope struct {
	Include []string // empty for all repositories
	Exclude []string
}

// ScopeError is the error for patterns that a registry policy can't express,
// whatever the lists contain.
type ScopeError struct{ err error }

func (e *ScopeError) Error() string { return e.err.Error() }

// Unwrap returns the errors of the patterns.
func (e *ScopeError) Unwrap() error { return e.err }

// Expressible returns nil if the registry policy can grant on exactly the
// repositories in scope that a list is for: all of them if the namespace is "",
// which is that of the account list. Otherwise the error is a *[ScopeError], which
// says which pattern doesn't allow it, and why.
//
// In a registry policy, * matches all characters including slashes, and a
// statement has either Resource or NotResource:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notresource.html
func (s Scope) Expressible(namespace string) error {
	_, _, err := s.names(namespace)
	return err
}

// resource returns the element that covers the repositories in scope that a
// list is for. It reports false if there can be none.
func (s Scope) resource(r Registry, namespace string) (resource, bool, error) {
	element, names, err := s.names(namespace)
	if err != nil || len(names) == 0 {
		return resource{}, false, err
	}
	for i, name := range names {
		names[i] = r.RepositoryARN(name)
	}
	return resource{element, names}, true, nil
}

// names returns the patterns of names for an element of a registry policy. There
// are none if no repository of the namespace is in scope.
func (s Scope) names(namespace string) (element string, names []string, err error) {
	include, err := translate(s.Include)
	excluded, excludeErr := translate(s.Exclude)
	if err := errors.Join(err, excludeErr); err != nil {
		return "", nil, &ScopeError{err}
	}
	if len(s.Include) == 0 {
		include = []translated{{"**", []string{"*"}}}
	}
	of := []string{"*"}
	if namespace != "" {
		of = []string{namespace, namespace + "/*"}
	}
	var errs []error
	for _, pattern := range include {
		within, isAll := intersection(pattern.names, of)
		if !isAll {
			errs = append(errs, fmt.Errorf("%q: the include pattern has a part of the repositories of the namespace %q, which a registry policy can't express; include the whole namespace, or set the policy level to %s", pattern.text, namespace, LevelRepository))
			continue
		}
		names = append(names, within...)
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return slices.ContainsFunc(excluded, func(e translated) bool {
			return slices.ContainsFunc(e.names, func(pattern string) bool { return includes(pattern, name) })
		})
	})
	var except []string
	for _, pattern := range excluded {
		some := slices.DeleteFunc(pattern.names, func(name string) bool { return !overlapsAny(name, names) })
		except = append(except, some...)
		if len(some) > 0 && !slices.Contains(names, "*") {
			errs = append(errs, pattern.cannotExclude(namespace))
		}
	}
	switch names = minimal(names); {
	case len(errs) > 0:
		return "", nil, &ScopeError{errors.Join(errs...)}
	case len(except) > 0:
		return notResourceElement, minimal(except), nil
	}
	return resourceElement, names, nil
}

func (t translated) cannotExclude(namespace string) error {
	from := "the repositories that the other patterns include"
	if namespace != "" {
		from = fmt.Sprintf("the namespace %q, which has a list", namespace)
	}
	return fmt.Errorf("%q: the exclude pattern has a part of %s, and a statement of a registry policy can't have both Resource and NotResource; change the pattern, or set the policy level to %s",
		t.text, from, LevelRepository)
}

// minimal returns sorted patterns without those that others include.
func minimal(patterns []string) []string {
	patterns = sortedUnique(patterns)
	return slices.DeleteFunc(slices.Clone(patterns), func(p string) bool {
		return slices.ContainsFunc(patterns, func(q string) bool { return p != q && includes(q, p) })
	})
}

// translated is a pattern of the scope with the patterns of IAM that match the
// same names together.
type translated struct {
	text  string
	names []string
}

func translate(patterns []string) (all []translated, err error) {
	var errs []error
	for _, pattern := range patterns {
		names, err := toIAM(pattern)
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w; change the pattern, or set the policy level to %s", pattern, err, LevelRepository))
		}
		all = append(all, translated{pattern, names})
	}
	return all, errors.Join(errs...)
}

const anyLevels = "**"

// toIAM returns the patterns of IAM that match the same names as a pattern of
// the scope. A star that doesn't cross slashes has no equivalent, unless ** is
// beside it: team-*/** is team-*, and **/*-test is *-test.
func toIAM(pattern string) ([]string, error) {
	const most = 3 // each ** can double the patterns
	segments := strings.Split(pattern, "/")
	switch {
	case pattern == "":
		return nil, nil
	case pattern == anyLevels:
		return []string{"*"}, nil
	case strings.Contains(pattern, "**/**"):
		return nil, errors.New("a registry policy can't match two ** in a row; write one")
	case !consistsOf(pattern, func(c byte) bool { return isNameCharacter(c) || c == '/' || c == '*' }):
		return nil, errors.New("a registry policy has no pattern for ?, [a-z], {a,b}, and other special characters")
	case strings.Count(pattern, anyLevels) > most:
		return nil, fmt.Errorf("a registry policy can't match more than %d **", most)
	}
	isAny := func(i int) bool { return 0 <= i && i < len(segments) && segments[i] == anyLevels }
	names := []string{""}
	var isOpen bool // the text so far ends with a star, or is empty, so that it also matches more segments
	for i, segment := range segments {
		if segment == anyLevels {
			continue
		}
		text := segment
		opensLeft, opensRight := false, false
		if rest, ok := strings.CutPrefix(text, "*"); ok && isAny(i-1) {
			text, opensLeft = rest, true
		}
		if rest, ok := strings.CutSuffix(text, "*"); ok && isAny(i+1) {
			text, opensRight = rest, true
		}
		if strings.Contains(text, "*") {
			return nil, errors.New("in a registry policy, * also matches slashes, so it can't match one path segment only; use ** for any number of them")
		}
		if opensRight && i == len(segments)-2 && text != "" && !isSeparator(text[len(text)-1]) {
			return nil, fmt.Errorf("in a registry policy, %s* also matches a name that ends there, but the pattern doesn't; put the * after a hyphen, an underscore, or a period", text)
		}
		if opensLeft {
			text = "*" + text
		}
		if opensRight {
			text += "*"
		}
		names = joined(names, text, i, isAny(i-1), isOpen || opensLeft)
		isOpen = opensRight || text == "*"
	}
	if isAny(len(segments)-1) && !isOpen {
		names = append(names, appended(names, "/*")...)
	}
	return names, nil
}

func isSeparator(c byte) bool { return c == '-' || c == '_' || c == '.' }

// joined returns patterns with one more segment. Any number of segments can be
// between if skips is true, for which a star beside the slash stands already if
// isOpen is true.
func joined(names []string, segment string, index int, skips, isOpen bool) []string {
	switch isFirst := index == 0 || index == 1 && skips; {
	case isFirst && skips && !isOpen:
		return []string{segment, "*/" + segment}
	case isFirst:
		return []string{segment}
	case skips && !isOpen:
		return append(appended(names, "/"+segment), appended(names, "/*/"+segment)...)
	}
	return appended(names, "/"+segment)
}

func appended(names []string, text string) []string {
	var all []string
	for _, name := range names {
		all = append(all, name+text)
	}
	return all
}
