package audit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// readDocument reads the statements of a policy document. The errors are of single statements, by their position;
// the others are read all the same.
func readDocument(text string) ([]Statement, map[int]error, error) {
	var document struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return nil, nil, err
	}
	// A document may have one statement in the place of an array.
	elements := []json.RawMessage{document.Statement}
	if !bytes.HasPrefix(document.Statement, []byte("{")) {
		if err := json.Unmarshal(document.Statement, &elements); err != nil {
			return nil, nil, errors.New("it has no statements")
		}
	}
	statements, problems := []Statement{}, map[int]error{}
	for i, element := range elements {
		s, err := readStatement(element)
		s.Position = i + 1
		if err != nil {
			problems[s.Position] = err
		}
		statements = append(statements, s)
	}
	return statements, problems, nil
}

// writtenStatement is a statement as JSON has it. encoding/json takes any case of the names.
type writtenStatement struct {
	Sid          string
	Effect       string
	Principal    principals
	NotPrincipal principals
	Action       texts
	NotAction    texts
	Condition    map[string]map[string]texts
}

func readStatement(element json.RawMessage) (Statement, error) {
	s := Statement{Owner: Foreign, Principals: []Principal{}, Actions: []string{}, Conditions: []Condition{}, Access: []Access{}, Consumers: []Consumer{}}
	var written *writtenStatement
	if err := json.Unmarshal(element, &written); err != nil {
		return s, err
	}
	if written == nil {
		return s, errors.New("it is null")
	}

	s.Sid = written.Sid
	if strings.HasPrefix(s.Sid, policy.SidPrefix) {
		s.Owner = Ours
	}
	switch {
	case strings.EqualFold(written.Effect, string(Allow)):
		s.Effect = Allow
	case strings.EqualFold(written.Effect, string(Deny)):
		s.Effect = Deny
	default:
		return s, fmt.Errorf("its Effect is %q", written.Effect)
	}
	s.NotPrincipal, s.NotAction = written.NotPrincipal != nil, written.NotAction != nil
	s.Principals = slices.Concat(s.Principals, written.Principal, written.NotPrincipal)
	s.Actions = slices.Concat(s.Actions, written.Action, written.NotAction)
	for _, operator := range slices.Sorted(maps.Keys(written.Condition)) {
		for _, key := range slices.Sorted(maps.Keys(written.Condition[operator])) {
			s.Conditions = append(s.Conditions, Condition{operator, key, written.Condition[operator][key]})
		}
	}
	s.Access = accessOf(s.Actions, s.NotAction)
	s.Consumers = consumersOf(s)
	return s, nil
}

// principals are the value of a Principal element: "*", or principals by their type.
type principals []Principal

// UnmarshalJSON reads both forms.
func (p *principals) UnmarshalJSON(data []byte) error {
	*p = principals{}
	if !bytes.HasPrefix(data, []byte("{")) {
		var everyone texts
		if err := everyone.UnmarshalJSON(data); err != nil {
			return err
		}
		for _, value := range everyone {
			*p = append(*p, Principal{typeAWS, value})
		}
		return nil
	}
	var byType map[string]texts
	if err := json.Unmarshal(data, &byType); err != nil {
		return err
	}
	for _, written := range slices.Sorted(maps.Keys(byType)) {
		for _, value := range byType[written] {
			*p = append(*p, Principal{cmp.Or(spelled(written, principalTypes()), written), value})
		}
	}
	return nil
}

// texts are the strings of a value that is one or a list of them. Numbers and booleans, which conditions have, stay
// as they are written.
type texts []string

// UnmarshalJSON reads both forms.
func (t *texts) UnmarshalJSON(data []byte) error {
	elements := []json.RawMessage{data}
	if bytes.HasPrefix(data, []byte("[")) {
		if err := json.Unmarshal(data, &elements); err != nil {
			return err
		}
	}
	*t = texts{}
	for _, element := range elements {
		text := string(element)
		switch element[0] {
		case '"':
			if err := json.Unmarshal(element, &text); err != nil {
				return err
			}
		case '{', '[', 'n':
			return fmt.Errorf("%s is neither a string nor a list of strings", element)
		}
		*t = append(*t, text)
	}
	return nil
}

// spelled returns the one of the known names that equals a name but for its case, or else "".
func spelled(name string, known []string) string {
	i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, name) })
	if i < 0 {
		return ""
	}
	return known[i]
}
