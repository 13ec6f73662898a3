package policy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// encode returns a statement with its JSON. Lists are arrays, whatever their
// length.
func (s statement) encode(sid string) managedStatement {
	encoded := struct {
		Sid       string
		Effect    string
		Principal any
		Action    []string

		Resource, NotResource any                       `json:",omitempty"`
		Condition             map[string]map[string]any `json:",omitempty"`
	}{Sid: sid, Effect: s.effect, Action: array(s.actions)}
	switch s.resource.element {
	case resourceElement:
		encoded.Resource = array(s.resource.patterns)
	case notResourceElement:
		encoded.NotResource = array(s.resource.patterns)
	}

	if equalPrincipals(s.principals, everyone()) {
		encoded.Principal = "*"
	} else {
		byKind := map[string][]string{}
		for _, p := range s.principals {
			byKind[p.kind] = p.values
		}
		encoded.Principal = byKind
	}
	for _, c := range s.conditions {
		if encoded.Condition == nil {
			encoded.Condition = map[string]map[string]any{}
		}
		if encoded.Condition[c.operator] == nil {
			encoded.Condition[c.operator] = map[string]any{}
		}
		encoded.Condition[c.operator][c.key] = array(c.values)
		if c.raw != nil {
			encoded.Condition[c.operator][c.key] = c.raw
		}
	}
	raw := writeJSON(encoded)
	for _, m := range s.rest {
		raw = slices.Concat(bytes.TrimSuffix(raw, []byte("}")), []byte(","), writeJSON(m.Name), []byte(":"), m.Value, []byte("}"))
	}
	return managedStatement{sid: sid, raw: raw, meaning: s, ok: true}
}

// array returns values that encode as an array even if there are none: the JSON
// of a nil slice is null, which no policy can have there.
func array(values []string) []string { return append([]string{}, values...) }

// decodeStatement reads the meaning of a statement. It reports false for
// statements that are ambiguous, and for NotPrincipal and NotAction, which
// grant to all principals or actions but some.
//
// ECR can return a statement in another form than it was written in: an account
// ID is equal to the ARN of its root. IAM ignores the case of the names of
// actions, operators, and condition keys:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html
func decodeStatement(raw json.RawMessage, partition string) (statement, bool) {
	members, err := iampolicy.ReadObject(raw)
	if err != nil {
		return statement{}, false
	}
	var s statement
	seen := map[string]bool{}
	for _, m := range members {
		ok := !seen[m.Name]
		seen[m.Name] = true
		switch m.Name {
		case "Sid":
		case "Effect":
			s.effect, _ = readString(m.Value)
			ok = ok && (s.effect == allow || s.effect == deny)
		case "Principal":
			var readable bool
			s.principals, readable = decodePrincipals(m.Value, partition)
			ok = ok && readable
		case "Action":
			var readable bool
			s.actions, readable = decodeActions(m.Value)
			ok = ok && readable
		case resourceElement, notResourceElement:
			patterns, readable := readStrings(m.Value)
			ok = ok && readable && s.resource.element == ""
			s.resource = resource{m.Name, patterns}
		case "Condition":
			var readable bool
			s.conditions, readable = decodeConditions(m.Value)
			ok = ok && readable
		case "NotPrincipal", "NotAction":
			ok = false
		default:
			ok = ok && !isElement(m.Name)
			s.rest = append(s.rest, m)
		}
		if !ok {
			return statement{}, false
		}
	}
	return s, seen["Effect"] && seen["Principal"] && seen["Action"]
}

// isElement reports whether IAM has an element with a name, in any case. The
// statement isn't clear then: it can have the element twice.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func isElement(name string) bool {
	elements := []string{"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", resourceElement, notResourceElement, "Condition"}
	return slices.ContainsFunc(elements, func(element string) bool { return strings.EqualFold(element, name) })
}

func decodePrincipals(value json.RawMessage, partition string) ([]principal, bool) {
	if s, ok := readString(value); ok {
		return everyone(), s == "*"
	}
	members, err := iampolicy.ReadObject(value)
	if err != nil {
		return nil, false
	}
	var principals []principal
	for _, m := range members {
		values, ok := readStrings(m.Value)
		if !ok || slices.ContainsFunc(principals, func(p principal) bool { return p.kind == m.Name }) {
			return nil, false
		}
		if m.Name == awsPrincipal {
			for i, v := range values {
				if iampolicy.IsAccountID(v) {
					values[i] = rootARN(partition, v)
				}
			}
		}
		principals = append(principals, principal{m.Name, sortedUnique(values)})
	}
	slices.SortFunc(principals, func(a, b principal) int { return cmp.Compare(a.kind, b.kind) })
	return principals, true
}

func decodeActions(value json.RawMessage) ([]string, bool) {
	actions, ok := readStrings(value)
	for i, action := range actions {
		actions[i] = spelled(action, allowedActions())
	}
	return sortedUnique(actions), ok
}

func decodeConditions(value json.RawMessage) ([]condition, bool) {
	byOperator, err := iampolicy.ReadObject(value)
	if err != nil {
		return nil, false
	}
	var operators, keys []string
	for _, known := range knownTests() {
		operators, keys = append(operators, known.operator), append(keys, known.key)
	}
	var conditions []condition
	for _, operator := range byOperator {
		byKey, err := iampolicy.ReadObject(operator.Value)
		if err != nil {
			return nil, false
		}
		for _, key := range byKey {
			t := test{spelled(operator.Name, operators), spelled(key.Name, keys)}
			c := condition{test: t}
			var ok bool
			if c.values, ok = readStrings(key.Value); !ok {
				// IAM takes numbers and booleans, too, but for no test of a managed statement.
				if slices.Contains(knownTests(), t) {
					return nil, false
				}
				c.raw = key.Value
			}
			if slices.ContainsFunc(conditions, func(c condition) bool { return c.test == t }) {
				return nil, false
			}
			conditions = append(conditions, c)
		}
	}
	sortConditions(conditions)
	return conditions, true
}

func sortConditions(conditions []condition) {
	slices.SortFunc(conditions, func(a, b condition) int {
		return cmp.Or(cmp.Compare(a.operator, b.operator), cmp.Compare(a.key, b.key))
	})
}

// spelled returns the known name that equals a name but for its case, or the
// name itself if none does.
func spelled(name string, known []string) string {
	i := slices.IndexFunc(known, func(k string) bool { return equalFoldASCII(k, name) })
	if i < 0 {
		return name
	}
	return known[i]
}
