package policy

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// The statements of a list that can't be used are kept. They may have been
// written with other settings, or edited since. The parts that are kept grant
// actions of the allow-list to consumers that a list can name; whatever narrows
// a statement further stays.

// keep returns the parts of the statements of the list in a place that are kept,
// for consumers for which within reports true.
func (r Registry) keep(existing []managedStatement, p place, within func(consumer) bool) []managedStatement {
	var kept []managedStatement
	for _, m := range existing {
		k, _, _ := parseSid(m.sid)
		if !m.ok {
			if denies(m.raw) {
				kept = append(kept, m)
			}
			continue
		}
		trimmed, ok := r.trim(k, p, m.meaning, within)
		switch {
		case !ok:
		case trimmed.equal(m.meaning):
			kept = append(kept, m)
		default:
			kept = append(kept, trimmed.encode(m.sid))
		}
	}
	return kept
}

// trim removes from a statement what no standard grants. It reports false if
// nothing remains.
func (r Registry) trim(k kind, p place, st statement, within func(consumer) bool) (statement, bool) {
	if st.effect == deny {
		return st.withoutDeleted()
	}
	st.actions = allowedAmong(k, st.actions)
	limited, ok := p.limit(st.resource)
	if len(st.actions) == 0 || !ok {
		return st, false
	}
	st.resource = limited
	values, isTested := st.values(k.test())
	values = slices.DeleteFunc(slices.Clone(values), func(v string) bool {
		one, ok := r.tested(k, v)
		return !ok || !within(one)
	})
	names := slices.DeleteFunc(st.named(), func(arn string) bool {
		one, ok := r.named(k, arn)
		return !ok || !within(one)
	})
	switch {
	case k.isForLambda() && isTested && st.includes(servicePrincipal, lambdaService):
		st.principals = lambda()
	case !k.isForLambda() && isTested && st.includes(awsPrincipal, "*"):
		st.principals = everyone()
	case len(names) > 0:
		st.principals = []principal{{awsPrincipal, names}}
		return st, true
	default:
		return st, false
	}
	st = st.where(k.test(), values)
	if !k.isForLambdaOfOrganizations() {
		return st, len(values) > 0
	}
	functions := r.functionsAmong(st)
	return st.replace(anyFunctionTest(), functions), len(values) > 0 && len(functions) > 0
}

// functionsAmong returns the patterns of the functions in the registry's Region
// to which a statement is limited: that of all functions if it has no such
// limit, or a wider one.
func (r Registry) functionsAmong(st statement) []string {
	patterns, isTested := st.values(anyFunctionTest())
	all := r.anyFunctionPattern()
	if !isTested || slices.ContainsFunc(patterns, func(p string) bool { return iampolicy.CoversARN(p, all) }) {
		return []string{all}
	}
	return slices.DeleteFunc(slices.Clone(patterns), func(p string) bool { return !iampolicy.CoversARN(all, p) })
}

// denies reports whether a statement that can't be read is a Deny. It grants
// nothing, and removing it could.
func denies(raw json.RawMessage) bool {
	members, _ := iampolicy.ReadObject(raw)
	var effects []string
	for _, m := range members {
		if strings.EqualFold(m.Name, "Effect") {
			effect, _ := readString(m.Value)
			effects = append(effects, effect)
		}
	}
	return slices.Equal(effects, []string{deny})
}

// withoutDeleted returns a statement without deleted principals: ECR would
// reject the document because of them. It reports false if none is left.
func (s statement) withoutDeleted() (statement, bool) {
	var principals []principal
	for _, p := range s.principals {
		p.values = slices.DeleteFunc(slices.Clone(p.values), iampolicy.IsUniqueID)
		if len(p.values) > 0 {
			principals = append(principals, p)
		}
	}
	s.principals = principals
	return s, len(principals) > 0
}

func (s statement) includes(kind, value string) bool {
	return slices.ContainsFunc(s.principals, func(p principal) bool { return p.kind == kind && slices.Contains(p.values, value) })
}

// allowedAmong returns the actions of a kind's allow-list that match one of the
// patterns of actions:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
func allowedAmong(k kind, patterns []string) []string {
	allowed := allowedActions()
	if k.isForLambda() {
		allowed = lambdaActions()
	}
	return slices.DeleteFunc(sortedUnique(allowed), func(action string) bool {
		return !slices.ContainsFunc(patterns, func(pattern string) bool { return iampolicy.MatchAction(pattern, action) })
	})
}

// named returns the consumer that a principal in a statement of a kind is. It
// reports false if no list leads to such a statement.
func (r Registry) named(k kind, arn string) (consumer, bool) {
	one, err := readEntry(arn, r.Partition)
	isRoot := one.kind == anAccount && one.id != arn
	isPrincipal := one.kind == aPrincipal
	return one, err == nil && (k == accountsKind && isRoot || (k == accountsKind || k == principalsKind) && isPrincipal)
}

// tested returns the consumer that a value of the test of a kind is. It reports
// false if no list leads to such a value.
func (r Registry) tested(k kind, value string) (consumer, bool) {
	if k == lambdaKind {
		account, ok := r.accountOfFunctions(value)
		return consumer{anAccount, account}, ok
	}
	one, err := readEntry(value, r.Partition)
	return one, err == nil && one.kind == k.tests() && one.id == value
}

// accountOfFunctions returns the account from the pattern that matches its
// Lambda functions in the registry's Region.
func (r Registry) accountOfFunctions(pattern string) (string, bool) {
	rest, hasPrefix := strings.CutPrefix(pattern, r.functionPrefix())
	account, hasSuffix := strings.CutSuffix(rest, functionSuffix)
	return account, hasPrefix && hasSuffix && iampolicy.IsAccountID(account)
}

// consumers returns the consumers of a statement of a kind.
func (r Registry) consumers(k kind, st statement) []consumer {
	var consumers []consumer
	for _, arn := range st.named() {
		if one, ok := r.named(k, arn); ok {
			consumers = append(consumers, one)
		}
	}
	values, _ := st.values(k.test())
	for _, value := range values {
		if one, ok := r.tested(k, value); ok {
			consumers = append(consumers, one)
		}
	}
	return consumers
}

// byCondition returns statements that grant the same as kept ones without
// naming principals.
func (r Registry) byCondition(kept []managedStatement, p place) []managedStatement {
	var statements []managedStatement
	for _, m := range kept {
		k, _, _ := parseSid(m.sid)
		if m.meaning.effect == deny || len(m.meaning.named()) == 0 {
			statements = append(statements, m)
			continue
		}
		var accounts, principals []string
		for _, one := range r.consumers(k, statement{principals: m.meaning.principals}) {
			if one.kind == anAccount {
				accounts = append(accounts, one.id)
			} else {
				principals = append(principals, one.id)
			}
		}
		m.meaning.principals = everyone()
		statements = addTested(statements, m.meaning, accountsKind, p, accounts)
		statements = addTested(statements, m.meaning, principalsKind, p, principals)
	}
	slices.SortStableFunc(statements, func(a, b managedStatement) int { return cmp.Compare(order(a.sid), order(b.sid)) })
	return statements
}

func order(sid string) int {
	k, _, _ := parseSid(sid)
	return slices.Index(kinds(), k)
}

// addTested adds a statement with a condition on the test of a kind. If there
// is a statement that differs only in the values of the test, it adds the
// values to that one; otherwise its Sid occurs twice, which ECR accepts.
func addTested(statements []managedStatement, st statement, k kind, p place, values []string) []managedStatement {
	st = st.where(k.test(), values)
	values, _ = st.values(k.test())
	if len(values) == 0 {
		return statements
	}
	for i, other := range statements {
		had, ok := other.meaning.values(k.test())
		if !ok || other.sid != p.sid(k) || !other.meaning.replace(k.test(), nil).equal(st.replace(k.test(), nil)) {
			continue
		}
		statements[i] = st.replace(k.test(), append(slices.Clone(had), values...)).encode(p.sid(k))
		return statements
	}
	return append(statements, st.encode(p.sid(k)))
}
