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

// CoversResource reports whether the Resource or NotResource element of the statement covers a resource, or can cover it,
// depending on policy variables.
func (s Statement) CoversResource(arn string) bool { return s.MatchResource(arn) != No }

// MatchResource returns whether the Resource or NotResource element of the statement covers a resource in the requests of
// all consumers.
func (s Statement) MatchResource(arn string) Answer { return s.matchResource(arn, ofResource(arn)) }

// matchResource returns whether the Resource or NotResource element of the statement covers a resource. A statement that
// has neither covers the resource that its policy is attached to.
func (s Statement) matchResource(arn string, known context) Answer {
	if len(s.Resources) == 0 && !s.NotResource {
		return Yes
	}
	answer := No
	for _, pattern := range s.Resources {
		if s.Variables {
			pattern = known.expand(pattern)
		}
		switch {
		case Match(pattern, arn):
			answer = Yes
		case s.Variables && answer == No && Match(withoutVariables(pattern), arn):
			answer = Depends
		}
	}
	if s.NotResource {
		return negate(answer)
	}
	return answer
}

// withoutVariables returns a pattern that matches whatever the policy variables in another one stand for.
func withoutVariables(pattern string) string {
	var wide strings.Builder
	for {
		before, rest, found := strings.Cut(pattern, "${")
		wide.WriteString(before)
		if !found {
			return wide.String()
		}
		wide.WriteByte('*')
		_, pattern, _ = strings.Cut(rest, "}")
	}
}

// MatchARN reports whether a pattern matches an ARN, as in the operators ArnEquals and ArnLike: a star doesn't cross the
// colons between the parts of the ARN.
func MatchARN(pattern, arn string) bool { return matchesARN(pattern, arn) != No }

// CoversARN reports whether a pattern matches, as in MatchARN, all ARNs that another pattern matches.
func CoversARN(pattern, other string) bool { return matchesARN(pattern, other) == Yes }

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
