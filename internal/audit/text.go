package audit

import (
	"strings"
	"unicode"
)

// actionText is the actions of a statement on one line.
func (s Statement) actionText() string {
	return negated(s.NotAction) + strings.Join(s.Actions, ", ")
}

// conditionText is the conditions of a statement on one line.
func (s Statement) conditionText() string {
	var tests []string
	for _, c := range s.Conditions {
		tests = append(tests, c.String())
	}
	return strings.Join(tests, " and ")
}

// String is the condition on one line.
func (c Condition) String() string {
	return c.Operator + " " + c.Key + ": " + strings.Join(c.Values, ", ")
}

func negated(not bool) string {
	if not {
		return "all but "
	}
	return ""
}

// joined joins kinds of access.
func joined(access []Access) string {
	var all []string
	for _, a := range access {
		all = append(all, string(a))
	}
	return strings.Join(all, " ")
}

// visible replaces characters that don't print. A Sid may have escape sequences that would take over a terminal, or
// marks that reverse the direction of the text.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
