package policy

import (
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// resource is the Resource or NotResource element of a statement. The zero
// value is that of a statement in the policy of a repository, which has neither.
type resource struct {
	element  string   // Resource, NotResource, or ""
	patterns []string // of ARNs, sorted
}

const (
	resourceElement    = "Resource"
	notResourceElement = "NotResource"
)

func (r resource) equal(s resource) bool {
	return r.element == s.element && slices.Equal(r.patterns, s.patterns)
}

// covers reports whether the element covers a repository, as far as its
// patterns have no policy variables.
func (r resource) covers(arn string) bool {
	matches := slices.ContainsFunc(r.patterns, func(pattern string) bool { return iampolicy.Match(pattern, arn) })
	return r.element == "" || matches == (r.element == resourceElement)
}

// isPlain reports whether the patterns have only stars, as those of the standard
// have.
func (r resource) isPlain() bool {
	return !slices.ContainsFunc(r.patterns, func(pattern string) bool { return strings.ContainsAny(pattern, "?$") })
}

// limit returns what an element covers of the repositories that a list can be
// for. It reports false if that is nothing, or if it isn't clear. In the policy
// of a repository, an element that somebody added stays, because it narrows the
// statement.
func (p place) limit(r resource) (resource, bool) {
	switch {
	case !p.level.isRegistry():
		return r, true
	case r.element == "":
		return resource{resourceElement, sortedUnique(p.all)}, true
	case r.element == notResourceElement && p.suffix == "":
		return r, true
	case r.element == notResourceElement:
		isApart := r.isPlain() && !slices.ContainsFunc(p.all, func(one string) bool { return overlapsAny(one, r.patterns) })
		return resource{resourceElement, sortedUnique(p.all)}, isApart
	}
	patterns, _ := intersection(r.patterns, p.all)
	return resource{resourceElement, sortedUnique(patterns)}, len(patterns) > 0
}

// intersection returns patterns that match only what both a pattern of a and one
// of b match. It reports whether they match all of that: no pattern may overlap
// another one that neither includes nor is included.
func intersection(a, b []string) (both []string, isAll bool) {
	isAll = true
	for _, p := range a {
		for _, q := range b {
			switch {
			case includes(q, p):
				both = append(both, p)
			case includes(p, q):
				both = append(both, q)
			case overlaps(p, q):
				isAll = false
			}
		}
	}
	return both, isAll
}

// includes reports whether a pattern matches whatever another one matches. It
// reports false if that isn't clear because the pattern has a question mark.
func includes(pattern, other string) bool {
	return !strings.Contains(pattern, "?") && iampolicy.Match(pattern, other)
}

// overlaps reports whether a text matches both of two patterns with stars.
func overlaps(a, b string) bool {
	// reached[j] reports whether some text matches both a[:i] and b[:j].
	reached := make([]bool, len(b)+1)
	for i := range len(a) + 1 {
		next := make([]bool, len(b)+1)
		for j := range len(b) + 1 {
			switch {
			case i == 0 && j == 0:
				next[j] = true
			case i > 0 && a[i-1] == '*':
				next[j] = reached[j] || j > 0 && next[j-1]
			case j > 0 && b[j-1] == '*':
				next[j] = next[j-1] || i > 0 && reached[j]
			case i > 0 && j > 0 && a[i-1] == b[j-1]:
				next[j] = reached[j-1]
			}
		}
		reached = next
	}
	return reached[len(b)]
}

func overlapsAny(a string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(b string) bool { return overlaps(a, b) })
}
