package policy

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// Removal is what [Document.WithoutDeletedPrincipals] removes from an unmanaged
// statement.
type Removal struct {
	Sid        string   // of the statement; "" if it has none
	Principals []string // the unique IDs of deleted roles and users
	Statement  bool     // the statement names no other principal, so all of it is removed
}

// WithoutDeletedPrincipals returns the document without the unique IDs of
// deleted roles and users (AROA… and AIDA…) in its unmanaged statements. It is
// the only change to unmanaged statements that this package makes, and only for
// a caller that asks for it: as long as a statement names such an ID, ECR
// rejects every document with the statement, also one that revokes grants.
//
// No role or user ever has the ID of a deleted one, even if it has the same
// name, so that neither an Allow nor a Deny changes what it means:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
//
// A statement with NotPrincipal doesn't change, because it applies to all
// principals if it names none. Neither does a statement that isn't clear, such
// as one with two Principal elements. Everything else in a statement stays as it
// is, byte for byte.
//
// [Standard.Merge] counts what was removed as a change. String still returns
// the text that was parsed.
func (d Document) WithoutDeletedPrincipals() Document {
	unmanaged := d.unmanaged
	positions := []int{}
	d.unmanaged, d.removed = nil, nil
	for i, raw := range unmanaged {
		rest, deleted := removeDeleted(raw)
		if rest != nil {
			d.unmanaged = append(d.unmanaged, rest)
			positions = append(positions, d.position(i))
		}
		if len(deleted) > 0 {
			sid, _ := principalsOf(raw)
			d.removed = append(d.removed, Removal{Sid: sid, Principals: deleted, Statement: rest == nil})
		}
	}
	d.positions = positions
	return d
}

// Removed returns what WithoutDeletedPrincipals removed, in the order of the
// document.
func (d Document) Removed() []Removal { return d.removed }

// removeDeleted returns a compact statement without deleted principals, and
// these. The statement is nil if it names no other principal.
func removeDeleted(raw json.RawMessage) (rest json.RawMessage, deleted []string) {
	elements, element, ok := only(raw, "Principal")
	if !ok || slices.ContainsFunc(elements, func(m iampolicy.Member) bool { return strings.EqualFold(m.Name, "NotPrincipal") }) {
		return raw, nil
	}
	kinds, kind, ok := only(elements[element].Value, awsPrincipal)
	if !ok {
		return raw, nil
	}
	var values []json.RawMessage
	if json.Unmarshal(kinds[kind].Value, &values) != nil {
		values = []json.RawMessage{kinds[kind].Value}
	}
	var others []string
	for _, value := range values {
		if id, ok := readString(value); ok && iampolicy.IsUniqueID(id) {
			deleted = append(deleted, id)
		} else {
			others = append(others, string(value))
		}
	}
	switch {
	case len(deleted) == 0:
		return raw, nil
	case len(others) > 0:
		named := []byte("[" + strings.Join(others, ",") + "]")
		return replace(raw, elements[element], replace(elements[element].Value, kinds[kind], named)), deleted
	case len(kinds) > 1: // for example, also a service
		return replace(raw, elements[element], cut(elements[element].Value, kinds, kind)), deleted
	}
	return nil, deleted
}

// only returns the members of an object, and the index of the one with a name.
// It reports false if there is none, or another one with that name in any case.
func only(object []byte, name string) (members []iampolicy.Member, index int, ok bool) {
	members, err := iampolicy.ReadObject(object)
	if err != nil {
		return nil, 0, false
	}
	count := 0
	for i, m := range members {
		if strings.EqualFold(m.Name, name) {
			index, count = i, count+1
		}
	}
	return members, index, count == 1 && members[index].Name == name
}

// replace returns a compact object with another value of a member.
func replace(object []byte, m iampolicy.Member, value []byte) []byte {
	return slices.Concat(object[:m.End-len(m.Value)], value, object[m.End:])
}

// cut returns a compact object with several members without one of them.
func cut(object []byte, members []iampolicy.Member, index int) []byte {
	if index == 0 {
		return slices.Concat(object[:1], object[members[0].End+1:]) // with the comma after it
	}
	return slices.Concat(object[:members[index-1].End], object[members[index].End:])
}
