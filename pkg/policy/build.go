package policy

// build returns the statement of a kind for consumers, in a grant style. It
// reports false if the consumers need no statement of that kind.
func (s Standard) build(k kind, style GrantStyle, c Consumers) (statement, bool) {
	switch k {
	case accountsKind:
		if style == GrantCondition {
			return s.toEveryoneWith(k, c.Accounts)
		}
		return s.toNamed(append(s.rootARNs(c.Accounts), c.Principals...))
	case principalsKind:
		if style == GrantCondition {
			return s.toEveryoneWith(k, c.Principals)
		}
	case organizationsKind:
		return s.toEveryoneWith(k, c.Organizations)
	case organizationalUnitsKind:
		return s.toEveryoneWith(k, c.OrganizationalUnits)
	case lambdaKind:
		if s.Lambda {
			return s.toFunctionsOf(c.Accounts)
		}
	case lambdaOrganizationsKind:
		if s.Lambda {
			return s.toFunctionsWith(k, c.Organizations)
		}
	case lambdaOrganizationalUnitsKind:
		if s.Lambda {
			return s.toFunctionsWith(k, c.OrganizationalUnits)
		}
	}
	return statement{}, false
}

// toNamed returns the statement that names principals by their ARNs.
func (s Standard) toNamed(arns []string) (statement, bool) {
	return statement{
		effect:     allow,
		principals: []principal{{awsPrincipal, sortedUnique(arns)}},
		actions:    s.actions(accountsKind),
	}, len(arns) > 0
}

// toEveryoneWith returns the statement that grants to all principals for which
// the test of a kind holds.
func (s Standard) toEveryoneWith(k kind, values []string) (statement, bool) {
	return statement{
		effect:     allow,
		principals: everyone(),
		actions:    s.actions(k),
		conditions: []condition{{test: k.test(), values: sortedUnique(values)}},
	}, len(values) > 0
}

// toFunctionsOf returns the statement that lets the Lambda service pull for the
// functions of accounts. There is no pattern for a role in the list, as it
// would match all functions of the role's account.
func (s Standard) toFunctionsOf(accounts []string) (statement, bool) {
	var patterns []string
	for _, account := range accounts {
		patterns = append(patterns, s.Registry.FunctionPattern(account))
	}
	return statement{
		effect:     allow,
		principals: lambda(),
		actions:    s.actions(lambdaKind),
		conditions: []condition{{test: functionTest(), values: sortedUnique(patterns)}},
	}, len(patterns) > 0
}

// toFunctionsWith returns the statement that lets the Lambda service pull for
// the functions for which the test of a kind holds. It also pins the service and
// the Region of the functions, as the statement for the functions of accounts
// does.
func (s Standard) toFunctionsWith(k kind, values []string) (statement, bool) {
	st := statement{effect: allow, principals: lambda(), actions: s.actions(k)}
	st = st.replace(k.test(), values).replace(anyFunctionTest(), []string{s.Registry.anyFunctionPattern()})
	return st, len(values) > 0
}

func (s Standard) rootARNs(accounts []string) []string {
	var arns []string
	for _, account := range accounts {
		arns = append(arns, rootARN(s.Registry.Partition, account))
	}
	return arns
}

// Principals returns the sorted ARNs of the principals in the policy for
// consumers: account roots, roles, and users. ECR rejects the policy if one
// of them doesn't exist. In the grant style condition, and at the level of the
// registry, there are none.
func (s Standard) Principals(c Consumers) []string {
	if s.Style == GrantCondition || s.Level.isRegistry() {
		return nil
	}
	named, _ := s.toNamed(append(s.rootARNs(c.Accounts), c.Principals...))
	return named.named()
}

// Naming returns a policy that names the principals with the given ARNs, as
// returned by [Standard.Principals]. ECR accepts the policy only if all of them
// exist, so writing it checks this. Because the policy lets the principals
// pull, write it only to a repository that is used for nothing else. Naming
// fails with a *[SizeError] if the policy would be too large.
func (s Standard) Naming(arns []string) (string, error) {
	named, _ := s.toNamed(arns)
	text := Document{}.with([]managedStatement{named.encode(placeAt(0).sid(accountsKind))})
	return text, s.checkSize(text, Document{}, GrantPrincipal)
}
