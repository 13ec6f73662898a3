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

// Explain returns what the statements of ours in a document grant, in the order
// of the document; "" is no document. It is for people to read: whether two
// documents mean the same is for [Standard.Merge] to say.
func (s Standard) Explain(existing string) ([]Grant, error) {
	doc, err := readDocument(existing)
	if err != nil {
		return nil, fmt.Errorf("the policy document %w", err)
	}
	var grants []Grant
	for _, own := range doc.own {
		grants = append(grants, s.grant(own))
	}
	return grants, nil
}

func (s Standard) grant(own ownStatement) Grant {
	k, isKnown := kindOf(own.sid)
	st, ok := decodeStatement(own.raw, s.Registry.Partition)
	g := Grant{Sid: own.sid, Kind: string(k), Unclear: true}
	if !ok {
		return g
	}
	g.Unclear = !isKnown || !s.permits(k, st)
	g.Actions = st.actions
	g.ByCondition = st.principal.equal(everyone()) && len(st.conditions) > 0

	var said []string
	if len(st.conditions) == 0 || len(st.named()) > 0 {
		said = append(said, st.principal.values...)
	}
	for _, c := range st.conditions {
		said = append(said, c.values...)
	}
	for i, one := range said {
		said[i] = s.asListed(one)
	}
	g.Consumers = sortedUnique(said)
	return g
}

// asListed returns how an account list names what a statement says.
func (s Standard) asListed(said string) string {
	if s.isFunctionPattern(said) {
		return strings.TrimSuffix(strings.TrimPrefix(said, s.Registry.functionPrefix()), functionSuffix)
	}
	if one, err := readEntry(said, s.Registry.Partition); err == nil && one.kind == anAccount {
		return one.id
	}
	return said
}

// kindOf returns the kind of a statement of ours, whatever list it is of.
func kindOf(sid string) (kind, bool) {
	name := strings.TrimRight(strings.TrimPrefix(sid, SidPrefix), "0123456789")
	for _, k := range kinds() {
		if string(k) == name {
			return k, true
		}
	}
	return "", false
}
