// Package iampolicy reads policy documents from any author, answers questions about their statements (which actions
// and resources a statement covers, and which consumers it applies to), and evaluates the requests of consumers.
//
// It reads leniently: one value or a list, any case of element names, condition operators and condition keys, and
// numbers and booleans instead of strings. The documents that this application writes are read strictly, by pkg/policy,
// which uses this package to split JSON objects, to match patterns, and to recognize account IDs and unique IDs.
package iampolicy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Statement is one statement of a policy, as it is written. Its lists are never nil.
type Statement struct {
	Sid          string      `json:"sid"`
	Effect       Effect      `json:"effect"`
	Principals   []Principal `json:"principals"`
	NotPrincipal bool        `json:"notPrincipal"` // the statement applies to all principals except Principals
	Actions      []string    `json:"actions"`
	NotAction    bool        `json:"notAction"`             // the statement covers all actions except Actions
	Resources    []string    `json:"resources,omitempty"`   // empty in a repository policy, which applies to its own repository
	NotResource  bool        `json:"notResource,omitempty"` // the statement covers all resources except Resources
	Conditions   []Condition `json:"conditions"`

	// Variables is whether ${…} is a policy variable. It is text unless the Version of the document is 2012-10-17:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
	Variables bool `json:"-"`

	// Err is the reason why the statement can't be read. The other fields are then incomplete.
	Err error `json:"-"`
}

// Effect is the effect of a statement: Allow, Deny, or "" if the statement can't be read.
type Effect string

// The effects.
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// Principal is a principal as a statement names it.
type Principal struct {
	Type  PrincipalType `json:"type"`
	Value string        `json:"value"`
}

// PrincipalType is the key of a principal in a Principal element.
type PrincipalType string

// The types of principals.
const (
	AWS           PrincipalType = "AWS"
	Service       PrincipalType = "Service"
	Federated     PrincipalType = "Federated"
	CanonicalUser PrincipalType = "CanonicalUser"
)

// Condition is one condition of a statement. A request must meet all of them.
type Condition struct {
	Operator string   `json:"operator"`
	Key      string   `json:"key"`
	Values   []string `json:"values"` // alternatives
}

// String returns the condition on one line.
func (c Condition) String() string {
	return c.Operator + " " + c.Key + ": " + strings.Join(c.Values, ", ")
}

// Read returns the statements of a policy document, in its order. If only some of them can't be read, the error is in
// their Err.
func Read(text string) ([]Statement, error) {
	var document struct {
		Version   any
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return nil, err
	}
	if err := checkNames([]byte(text), 1); err != nil {
		return nil, err
	}
	elements := []json.RawMessage{document.Statement}
	if !bytes.HasPrefix(document.Statement, []byte("{")) {
		if err := json.Unmarshal(document.Statement, &elements); err != nil {
			return nil, errors.New("the Statement element must be an object or an array of objects")
		}
	}
	statements := []Statement{}
	for _, element := range elements {
		s := readStatement(element)
		s.Variables = document.Version == "2012-10-17"
		statements = append(statements, s)
	}
	return statements, nil
}

// writtenStatement is a statement in JSON. encoding/json accepts any case of the names.
type writtenStatement struct {
	Sid          string
	Effect       string
	Principal    principals
	NotPrincipal principals
	Action       texts
	NotAction    texts
	Resource     texts
	NotResource  texts
	Condition    map[string]map[string]texts
}

func readStatement(element json.RawMessage) Statement {
	s := Statement{Principals: []Principal{}, Actions: []string{}, Resources: []string{}, Conditions: []Condition{}}
	var written *writtenStatement
	if s.Err = json.Unmarshal(element, &written); s.Err != nil {
		return s
	}
	if written == nil {
		s.Err = errors.New("a statement must be an object, found null")
		return s
	}
	s.Sid = written.Sid
	const levels = 3 // Statement, Condition, and operators
	if s.Err = checkNames(element, levels); s.Err != nil {
		return s
	}
	switch {
	case strings.EqualFold(written.Effect, string(Allow)):
		s.Effect = Allow
	case strings.EqualFold(written.Effect, string(Deny)):
		s.Effect = Deny
	default:
		s.Err = fmt.Errorf("the Effect element must be Allow or Deny, found %q", written.Effect)
		return s
	}
	s.Principals = slices.Concat(s.Principals, written.Principal, written.NotPrincipal)
	s.NotPrincipal = written.NotPrincipal != nil
	s.Actions = slices.Concat(s.Actions, written.Action, written.NotAction)
	s.NotAction = written.NotAction != nil
	s.Resources = slices.Concat(s.Resources, written.Resource, written.NotResource)
	s.NotResource = written.NotResource != nil
	for _, operator := range slices.Sorted(maps.Keys(written.Condition)) {
		for _, key := range slices.Sorted(maps.Keys(written.Condition[operator])) {
			s.Conditions = append(s.Conditions, Condition{operator, key, written.Condition[operator][key]})
		}
	}
	return s
}

// principals is the value of a Principal element: "*", or principals by their type.
type principals []Principal

// UnmarshalJSON reads both forms.
func (p *principals) UnmarshalJSON(data []byte) error {
	*p = principals{}
	if !bytes.HasPrefix(data, []byte("{")) {
		var values texts
		if err := values.UnmarshalJSON(data); err != nil {
			return err
		}
		for _, value := range values {
			*p = append(*p, Principal{AWS, value})
		}
		return nil
	}
	var byType map[string]texts
	if err := json.Unmarshal(data, &byType); err != nil {
		return err
	}
	for _, written := range slices.Sorted(maps.Keys(byType)) {
		for _, value := range byType[written] {
			*p = append(*p, Principal{principalType(written), value})
		}
	}
	return nil
}

// principalType returns the type with a name in any case.
func principalType(name string) PrincipalType {
	types := []PrincipalType{AWS, Service, Federated, CanonicalUser}
	i := slices.IndexFunc(types, func(t PrincipalType) bool { return strings.EqualFold(string(t), name) })
	if i < 0 {
		return PrincipalType(name)
	}
	return types[i]
}

// texts is a string or a list of strings. Numbers and booleans, which conditions can have, keep their JSON form.
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
			return fmt.Errorf("expected a string or a list of strings, found %s", element)
		}
		*t = append(*t, text)
	}
	return nil
}

// Visible replaces characters that aren't printable. A Sid can contain escape sequences that control a terminal, or
// characters that reverse the direction of the text.
func Visible(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
