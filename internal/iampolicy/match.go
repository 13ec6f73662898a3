package iampolicy

import (
	"slices"
	"strings"
)

// CoversAction reports whether the Action or NotAction element of the statement covers an action. As in IAM, case is
// ignored.
func (s Statement) CoversAction(action string) bool {
	return slices.ContainsFunc(s.Actions, func(pattern string) bool { return MatchAction(pattern, action) }) != s.NotAction
}

// PullActions returns the actions that a pull needs. AWS's examples add ecr:BatchCheckLayerAvailability, but its managed
// policy for pulls doesn't have it:
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonEC2ContainerRegistryPullOnly.html
func PullActions() []string { return []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"} }

// MatchAction reports whether a pattern matches the name of an action, regardless of the case of ASCII letters.
// strings.ToLower alone would make a k of the Kelvin sign.
func MatchAction(pattern, action string) bool { return Match(lowerASCII(pattern), lowerASCII(action)) }

func lowerASCII(s string) string {
	lower := []byte(s)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	return string(lower)
}

// CoversResource reports whether the Resource or NotResource element of the statement covers a resource. A statement
// that has neither covers the resource that its policy is attached to.
func (s Statement) CoversResource(arn string) bool {
	if len(s.Resources) == 0 && !s.NotResource {
		return true
	}
	return slices.ContainsFunc(s.Resources, func(pattern string) bool { return Match(pattern, arn) }) != s.NotResource
}

// MatchARN reports whether a pattern matches an ARN, as in the operators ArnEquals and ArnLike: a star doesn't cross the
// colons between the parts of the ARN.
func MatchARN(pattern, arn string) bool { return matchesARN(pattern, arn) != No }

// Match reports whether a pattern matches a text, as in the operator StringLike: * matches any number of characters,
// and ? matches one. It backtracks to the last star only, so it takes quadratic time at most.
func Match(pattern, text string) bool {
	p, t, star, from := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
