package policy

import (
	"slices"
	"strings"
)

// ECR refuses a whole document for one principal that doesn't exist, and
// doesn't say which. A value of a condition it never refuses. So which
// principals exist can be found out without taking a grant away: a trial
// document names some principals, and grants to everybody by condition.
//
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html

// trialSid is that of the statement that names principals to see whether they
// exist. It belongs to no list, so the next Merge takes it away.
const trialSid = SidPrefix + "Trial"

// Principals returns the ARNs that the statements for the lists name as
// principals, sorted: those that ECR checks.
func (s Standard) Principals(lists []*Consumers) []string {
	var arns []string
	for _, list := range lists {
		if list == nil {
			continue
		}
		for _, k := range kinds() {
			if st, ok := s.build(k, *list); ok {
				arns = append(arns, st.named()...)
			}
		}
	}
	return sortedUnique(arns)
}

// Named returns the ARNs that the statements of ours in a document name as
// principals, sorted.
func (s Standard) Named(document string) []string {
	doc, err := readDocument(document)
	if err != nil {
		return nil
	}
	var arns []string
	for _, own := range doc.own {
		if st, ok := decodeStatement(own.raw, s.Registry.Partition); ok {
			arns = append(arns, st.named()...)
		}
	}
	return sortedUnique(arns)
}

// named returns the AWS principals of a statement but for everyone.
func (s statement) named() []string {
	if s.principal.kind != awsPrincipal || s.principal.equal(everyone()) {
		return nil
	}
	return s.principal.values
}

// Without returns the consumers less the accounts and principals with the ARNs.
func (c Consumers) Without(arns []string) Consumers {
	less := c
	less.Principals = slices.DeleteFunc(slices.Clone(c.Principals), func(arn string) bool { return slices.Contains(arns, arn) })
	less.Accounts = slices.DeleteFunc(slices.Clone(c.Accounts), func(id string) bool {
		return slices.ContainsFunc(arns, func(arn string) bool { return isRootOf(arn, id) })
	})
	return less
}

func isRootOf(arn, account string) bool {
	return strings.HasPrefix(arn, "arn:") && strings.HasSuffix(arn, ":iam::"+account+":root")
}

// Trial returns a document that ECR takes only if all the named principals
// exist. It grants to everybody to whom the existing document or the lists do:
// by condition, in the statements of their list, so that a Merge after it takes
// away just what the lists take away. What a nil list granted stays that way.
//
// If ECR refuses a trial without named principals, it refuses a foreign
// statement.
//
// Trial fails as Merge does.
func (s Standard) Trial(existing string, lists []*Consumers, named []string) (string, error) {
	doc, wanted, err := s.read(existing, lists)
	if err != nil {
		return "", err
	}
	own := s.byCondition(lists, append(wanted, doc.own...))
	if st, ok := s.toNamed(named); ok {
		own = append(own, ownStatement{trialSid, st.encode(trialSid)})
	}
	return s.fitting(doc.with(own))
}

// ByCondition returns a document that grants just what the lists do, like
// Merge, and that ECR refuses for none of their principals: where a search has
// to be given up, it ends with this.
func (s Standard) ByCondition(existing string, lists []*Consumers) (string, error) {
	doc, wanted, err := s.read(existing, lists)
	if err != nil {
		return "", err
	}
	return s.fitting(doc.with(s.byCondition(lists, wanted)))
}

func (s Standard) fitting(document string) (string, error) {
	if err := s.checkSize(document); err != nil {
		return "", err
	}
	return document, nil
}

// byCondition returns statements for the lists that grant what given ones do,
// and name nobody.
func (s Standard) byCondition(lists []*Consumers, granting []ownStatement) []ownStatement {
	var statements []ownStatement
	groups := bySid(granting)
	for depth := range lists {
		statements = append(statements, s.byConditionAt(depth, groups)...)
	}
	return statements
}

func (s Standard) byConditionAt(depth int, granting map[string][]ownStatement) []ownStatement {
	values := map[test][]string{}
	add := func(t test, v ...string) { values[t] = append(values[t], v...) }
	for _, k := range kinds() {
		for _, own := range granting[k.sid(depth)] {
			st, ok := decodeStatement(own.raw, s.Registry.Partition)
			if !ok || !s.permits(k, st) {
				continue
			}
			for _, arn := range st.named() {
				if one, err := readEntry(arn, s.Registry.Partition); err != nil {
					continue // the unique ID of a deleted role: nobody has it any more
				} else if one.kind == anAccount {
					add(accountTest(), one.id)
				} else {
					add(principalTest(), arn)
				}
			}
			if k == principalsKind && len(st.conditions) > 0 {
				add(principalTest(), st.conditions[0].values...)
			} else if len(st.conditions) > 0 {
				add(st.conditions[0].test, st.conditions[0].values...)
			}
		}
	}
	var statements []ownStatement
	for _, k := range kinds() {
		if st, ok := s.conditional(k, values); ok {
			statements = append(statements, ownStatement{k.sid(depth), st.encode(k.sid(depth))})
		}
	}
	return statements
}

// conditional returns the statement of a kind that grants by condition.
func (s Standard) conditional(k kind, values map[test][]string) (statement, bool) {
	switch k {
	case accountsKind:
		return s.toEveryoneWho(accountTest(), values[accountTest()])
	case principalsKind:
		return s.toPinned(values[principalTest()])
	case organizationsKind:
		return s.toEveryoneWho(organizationTest(), values[organizationTest()])
	case organizationalUnitsKind:
		return s.toEveryoneWho(organizationalUnitTest(), values[organizationalUnitTest()])
	default: // lambdaKind
		return s.toLambdaFor(values[sourceTest()])
	}
}

// toPinned grants to roles and users without naming them as principals. Their
// accounts are pinned as well: "*" is never granted without.
func (s Standard) toPinned(arns []string) (statement, bool) {
	var accounts []string
	for _, arn := range arns {
		accounts = append(accounts, strings.Split(arn, ":")[4])
	}
	return statement{
		principal: everyone(),
		actions:   s.actions(principalsKind),
		conditions: []condition{ // sorted by operator
			{principalTest(), sortedUnique(arns)},
			{accountTest(), sortedUnique(accounts)},
		},
	}, len(arns) > 0
}
