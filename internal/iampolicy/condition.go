package iampolicy

import (
	"slices"
	"strings"
)

// operator is a condition operator:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
type operator struct {
	name     string // in lowercase, without the parts below
	negated  bool   // it requires that no value matches
	ifExists bool   // requests without the key meet it
	all      bool   // ForAllValues: so do requests without the key here
	any      bool   // ForAnyValue
}

func parseOperator(text string) operator {
	var o operator
	name := strings.ToLower(text)
	name, o.all = strings.CutPrefix(name, "forallvalues:")
	name, o.any = strings.CutPrefix(name, "foranyvalue:")
	name, o.ifExists = strings.CutSuffix(name, "ifexists")
	for _, not := range []struct{ name, of string }{
		{"stringnotequals", "stringequals"}, {"stringnotequalsignorecase", "stringequalsignorecase"}, {"stringnotlike", "stringlike"},
		{"arnnotequals", "arnequals"}, {"arnnotlike", "arnlike"}, {"notipaddress", "ipaddress"},
		{"numericnotequals", "numericequals"}, {"datenotequals", "dateequals"},
	} {
		if name == not.name {
			name, o.negated = not.of, true
		}
	}
	o.name = name
	return o
}

// evaluate returns whether requests meet a condition of the statement.
func (s Statement) evaluate(c Condition, known context) Answer {
	o, f := parseOperator(c.Operator), known.of(c.Key)
	if o.name == "null" {
		return c.evaluateNull(f)
	}
	absent := No // whether requests without the key meet the condition
	if o.ifExists || o.all || o.negated && !o.any {
		absent = Yes
	}
	if f.presence == No {
		return absent
	}
	if len(c.Values) == 0 {
		return Depends
	}
	answer := s.matches(o, c, f.value, known)
	if f.other != "" && s.matches(o, c, f.other, known) != answer {
		answer = Depends
	}
	if o.negated {
		answer = negate(answer)
	}
	if f.presence == Depends && answer != absent {
		return Depends
	}
	return answer
}

// matches returns whether one of the values of a condition matches a value of a request. Of the latter, nothing is known
// if it is "".
func (s Statement) matches(o operator, c Condition, of string, known context) Answer {
	answer := No
	for _, value := range c.Values {
		switch {
		case s.isText(value) && (of != "" || namesConsumer(c.Key)), o.isLiteral(c.Key, value):
			continue
		case of == "":
			answer = Depends
		default:
			if a := o.matches(known.expand(value), of); a != No {
				answer = a
			}
		}
		if answer == Yes {
			break
		}
	}
	return answer
}

// isText reports whether a value only looks as if it had a policy variable. No account, organization or ARN has such a
// text, so the value matches none of them.
func (s Statement) isText(value string) bool { return !s.Variables && strings.Contains(value, "${") }

// isLiteral reports whether a value only looks like a pattern, because StringEquals takes it literally. No account,
// organization, role or user has a wildcard in its ID or ARN, so the value matches none of them.
func (o operator) isLiteral(key, value string) bool {
	return strings.HasPrefix(o.name, "stringequals") && isPattern(value) && isOneOf(principalKeys(), key)
}

// namesConsumer reports whether the values of a key are accounts, organizations, or ARNs.
func namesConsumer(key string) bool {
	return isOneOf(principalKeys(), key) || isOneOf(sourceKeys(), key)
}

func isOneOf(keys []string, key string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, key) })
}

func (c Condition) evaluateNull(f fact) Answer {
	if len(c.Values) != 1 || f.presence == Depends {
		return Depends
	}
	if strings.EqualFold(c.Values[0], "true") {
		return negate(f.presence)
	}
	return f.presence
}

func negate(a Answer) Answer {
	switch a {
	case Yes:
		return No
	case No:
		return Yes
	}
	return Depends
}

// matches returns whether a value of a condition matches a value of a request. Of the latter, only a pattern can be
// known.
func (o operator) matches(value, known string) Answer {
	if strings.Contains(value, "${") || strings.Contains(known, "${") {
		switch {
		case value == known:
			return Yes
		case value == OwnOrganization && known == strangersOrganization:
			return No
		}
		return Depends
	}
	switch o.name {
	case "stringequalsignorecase", "bool":
		value, known = lowerASCII(value), lowerASCII(known)
		fallthrough
	case "stringequals":
		switch {
		case isPattern(known) && Match(known, value):
			return Depends
		case value == known:
			return Yes
		}
		return No
	case "stringlike":
		return matchesPattern(value, known)
	case "arnlike", "arnequals":
		return matchesARN(value, known)
	}
	return Depends
}

func isPattern(text string) bool { return strings.ContainsAny(text, "*?") }

// matchesPattern returns whether a pattern matches a text of which only a pattern can be known.
func matchesPattern(pattern, known string) Answer {
	switch {
	case !isPattern(known) && Match(pattern, known), isPattern(known) && covers(pattern, known):
		return Yes
	case isPattern(known) && overlap(pattern, known):
		return Depends
	}
	return No
}

// matchesARN is matchesPattern for ARNs, whose parts are compared separately, so that a star doesn't cross their colons:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
func matchesARN(pattern, known string) Answer {
	patterns, parts := partsOf(pattern), partsOf(known)
	switch {
	case parts == nil, strings.Trim(pattern, "*") == "":
		return matchesPattern(pattern, known)
	case patterns == nil && matchesPattern(pattern, known) != No:
		return Depends // AWS doesn't document what matches a pattern with fewer parts
	case patterns == nil:
		return No
	}
	answer := Yes
	for i := range patterns {
		switch matchesPattern(patterns[i], parts[i]) {
		case No:
			return No
		case Depends:
			answer = Depends
		}
	}
	return answer
}

// partsOf returns the parts of an ARN, or nil if the text isn't an ARN.
func partsOf(arn string) []string {
	const parts = 6
	all := strings.SplitN(arn, ":", parts)
	if len(all) != parts || all[0] != "arn" {
		return nil
	}
	return all
}

// covers reports whether a pattern matches every text that another one matches. If it reports false, it could
// nevertheless.
func covers(pattern, other string) bool {
	return pattern == other || !strings.Contains(pattern, "?") && Match(pattern, other)
}

// literalLen returns the length of a pattern before its first wildcard.
func literalLen(pattern string) int {
	if i := strings.IndexAny(pattern, "*?"); i >= 0 {
		return i
	}
	return len(pattern)
}

// overlap reports whether two patterns match a common text. If the second is the pattern of an ARN, its wildcards
// don't match the colons between the parts, but those of the first do.
func overlap(a, b string) bool {
	if !isPattern(b) {
		return Match(a, b)
	}
	// Most patterns of ARNs differ before their first wildcard, by the account. What follows takes quadratic time.
	if literal := min(literalLen(a), literalLen(b)); a[:literal] != b[:literal] {
		return false
	}
	last := 0 // the index in b of the last part of an ARN
	if parts := partsOf(b); parts != nil {
		last = len(b) - len(parts[len(parts)-1])
	}
	// reached[j] is whether the rest of a overlaps with b[j:].
	reached := make([]bool, len(b)+1)
	for j := len(b); j >= 0; j-- {
		reached[j] = strings.Trim(b[j:], "*") == ""
	}
	for i := len(a) - 1; i >= 0; i-- {
		next := reached
		reached = make([]bool, len(b)+1)
		reached[len(b)] = strings.Trim(a[i:], "*") == ""
		for j := len(b) - 1; j >= 0; j-- {
			isColon := a[i] == ':' && j < last
			switch {
			case a[i] == '*': // the star is empty, or matches what comes next in the other pattern
				reached[j] = next[j] || reached[j+1]
			case b[j] == '*':
				reached[j] = next[j] && !isColon || reached[j+1]
			case a[i] == b[j] || a[i] == '?' || b[j] == '?' && !isColon:
				reached[j] = next[j+1]
			}
		}
	}
	return reached[0]
}
