package policy

import (
	"encoding/json"
	"slices"
	"strings"
)

// encode writes a statement as JSON. Lists are always arrays, whatever their
// length.
func (s statement) encode(sid string) json.RawMessage {
	type (
		namedPrincipal map[string][]string
		conditions     map[string]map[string][]string
	)
	encoded := struct {
		Sid       string
		Effect    string
		Principal any
		Action    []string
		Condition conditions `json:",omitempty"`
	}{Sid: sid, Effect: "Allow", Action: s.actions}

	if s.principal.equal(everyone()) {
		encoded.Principal = "*"
	} else {
		encoded.Principal = namedPrincipal{s.principal.kind: s.principal.values}
	}
	for _, c := range s.conditions {
		if encoded.Condition == nil {
			encoded.Condition = conditions{}
		}
		encoded.Condition[c.operator] = map[string][]string{c.key: c.values} // no two have the same operator
	}
	return writeJSON(encoded)
}

// decodeStatement reads the meaning of a statement. It reports false for all
// that no statement of ours says: a statement that denies, an element that we
// don't use, two keys to an operator, a list with something else than strings.
//
// ECR may have written the statement anew, so an account ID stands for the ARN
// of its root, and IAM ignores the case of the names of actions, operators and
// condition keys:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html
func decodeStatement(raw json.RawMessage, partition string) (statement, bool) {
	members, err := readObject(raw)
	if err != nil {
		return statement{}, false
	}
	var s statement
	seen := map[string]bool{}
	for _, m := range members {
		ok := false
		switch m.name {
		case "Sid":
			ok = true
		case "Effect":
			var effect string
			effect, ok = readString(m.value)
			ok = ok && effect == "Allow"
		case "Principal":
			s.principal, ok = decodePrincipal(m.value, partition)
		case "Action":
			s.actions, ok = decodeActions(m.value)
		case "Condition":
			s.conditions, ok = decodeConditions(m.value)
		}
		if !ok || seen[m.name] {
			return statement{}, false
		}
		seen[m.name] = true
	}
	return s, seen["Effect"] && seen["Principal"] && seen["Action"]
}

func decodePrincipal(value json.RawMessage, partition string) (principal, bool) {
	if s, ok := readString(value); ok {
		return everyone(), s == "*"
	}
	m, ok := onlyMember(value)
	if !ok {
		return principal{}, false
	}
	values, ok := readStrings(m.value)
	if m.name == awsPrincipal {
		for i, v := range values {
			if isAccountID(v) {
				values[i] = rootARN(partition, v)
			}
		}
	}
	return principal{m.name, sortedUnique(values)}, ok
}

func decodeActions(value json.RawMessage) ([]string, bool) {
	actions, ok := readStrings(value)
	for i, action := range actions {
		actions[i] = spelled(action, allowedActions())
	}
	return sortedUnique(actions), ok
}

// decodeConditions reads conditions of one key to an operator.
func decodeConditions(value json.RawMessage) ([]condition, bool) {
	byOperator, err := readObject(value)
	if err != nil || len(byOperator) == 0 {
		return nil, false
	}
	var operators, keys []string
	for _, t := range tests() {
		operators, keys = append(operators, t.operator), append(keys, t.key)
	}
	var conditions []condition
	for _, operator := range byOperator {
		key, ok := onlyMember(operator.value)
		if !ok {
			return nil, false
		}
		values, ok := readStrings(key.value)
		if !ok {
			return nil, false
		}
		conditions = append(conditions, condition{test{spelled(operator.name, operators), spelled(key.name, keys)}, values})
	}
	slices.SortFunc(conditions, func(a, b condition) int { return strings.Compare(a.operator, b.operator) })
	return conditions, true
}

// onlyMember returns the member of an object that has just one.
func onlyMember(value json.RawMessage) (member, bool) {
	members, err := readObject(value)
	if err != nil || len(members) != 1 {
		return member{}, false
	}
	return members[0], true
}

// spelled returns the one of the known names that equals a name but for its
// case, or else the name.
func spelled(name string, known []string) string {
	i := slices.IndexFunc(known, func(k string) bool { return equalFoldASCII(k, name) })
	if i < 0 {
		return name
	}
	return known[i]
}
