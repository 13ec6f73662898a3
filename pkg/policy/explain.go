package policy

import (
	"fmt"
	"strings"
)

// Grant is what one statement of ours says, in the words of an account list.
type Grant struct {
	Sid string

	// Kind is what the Sid says whom the statement is for: Accounts, Principals,
	// Organizations, OrganizationalUnits or Lambda. It is empty if the standard
	// has no such statement.
	Kind string

	// Consumers are named as in an account list, sorted. Those of a statement for
	// Lambda are the accounts of the functions. What a list can't name, such as
	// "*", is as the statement has it.
	Consumers []string

	Actions []string // sorted

	// ByCondition says that a condition tells the consumers from everybody, in
	// place of principals.
	ByCondition bool

	// Unclear says that the standard writes no such statement, for any list: it
	// may mean more or less than the other fields say.
	Unclear bool
}

// Explain returns what the managed statements in a document grant, in the order
// of the document; "" is no document. It is for people to read: whether two
// documents mean the same is for [Standard.Merge] to say.
func (s Standard) Explain(existing string) ([]Grant, error) {
	doc, err := readDocument(existing, s.Registry.Partition)
	if err != nil {
		return nil, fmt.Errorf("the policy document %w", err)
	}
	var grants []Grant
	for _, m := range doc.managed {
		grants = append(grants, s.grant(m))
	}
	return grants, nil
}

func (s Standard) grant(m managedStatement) Grant {
	k, isKnown := kindOf(m.sid)
	g := Grant{Sid: m.sid, Kind: string(k), Unclear: true}
	st := m.meaning
	if !m.ok || st.effect == deny {
		return g
	}
	g.Unclear = !isKnown || !s.writes(k, st)
	g.Actions = st.actions
	g.ByCondition = equalPrincipals(st.principals, everyone()) && len(st.conditions) > 0

	var values []string
	for _, p := range st.principals {
		if len(st.conditions) == 0 || p.kind == awsPrincipal && !equalPrincipals(st.principals, everyone()) {
			values = append(values, p.values...)
		}
	}
	for _, c := range st.conditions {
		values = append(values, c.values...)
	}
	for i, value := range values {
		values[i] = s.asListed(value)
	}
	g.Consumers = sortedUnique(values)
	return g
}

// writes reports whether the standard writes a statement for some list, in
// either style and with any actions of the allow-list.
func (s Standard) writes(k kind, st statement) bool {
	trimmed, ok := s.trim(k, st, func(consumer) bool { return true })
	conditions := 1
	if len(st.named()) > 0 {
		conditions = 0
	}
	return ok && trimmed.equal(st) && len(st.conditions) == conditions && len(st.rest) == 0
}

// asListed returns how an account list names a value in a statement.
func (s Standard) asListed(value string) string {
	if account, ok := s.accountOfFunctions(value); ok {
		return account
	}
	if one, err := readEntry(value, s.Registry.Partition); err == nil && one.kind == anAccount {
		return one.id
	}
	return value
}

// kindOf returns the kind of a managed statement, whatever list it is of.
func kindOf(sid string) (kind, bool) {
	k, _, ok := parseSid(strings.TrimRight(sid, "0123456789"))
	return k, ok
}
