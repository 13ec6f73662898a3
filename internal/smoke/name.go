package smoke

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
)

// idLength is the number of random characters in a name, each of which has five bits. It is enough for a name that
// no one else uses.
const idLength = 10

// NewName returns a random name for a repository in scope. include are the patterns of the scope.
func NewName(include []string, s scope.Scope) (string, error) {
	return name(include, s, strings.ToLower(rand.Text()[:idLength]))
}

// name replaces a wildcard in a pattern. A name without the ID could be that of another repository, so it is an error if
// no pattern has a * or **.
func name(include []string, s scope.Scope, id string) (string, error) {
	for _, ending := range []string{"ecr-pull-policy-smoke-" + id, "ecr-pull-policy-smoke/" + id} {
		for _, pattern := range include {
			name := fill(pattern, ending)
			if strings.Contains(name, ending) && registry.CheckName(name) == nil && s.Contains(name) {
				return name, nil
			}
		}
	}
	return "", fmt.Errorf("no name for a new repository is in scope: the include patterns are %s; add the pattern ecr-pull-policy-smoke-* to Include, check that Exclude doesn't match it, and deploy the stack", strings.Join(include, ","))
}

var class = regexp.MustCompile(`\[([^\]])[^\]]*\]`) // the group is the first character

// fill replaces the last wildcard of a pattern by an ending, and all others by something that they match.
func fill(pattern, ending string) string {
	pattern = strings.ReplaceAll(class.ReplaceAllString(pattern, "$1"), "?", "x")
	last := strings.LastIndex(pattern, "*")
	if last < 0 {
		return pattern
	}
	before := strings.ReplaceAll(strings.TrimRight(pattern[:last], "*"), "**/", "")
	return strings.ReplaceAll(before, "*", "x") + ending + pattern[last+1:]
}
