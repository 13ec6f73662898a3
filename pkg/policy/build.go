package policy

// build returns the statement of a kind that grants consumers their pull. It
// reports false if no consumer needs a statement of that kind.
func (s Standard) build(k kind, c Consumers) (statement, bool) {
	switch k {
	case accountsKind:
		if s.Style == GrantCondition {
			return s.toEveryoneWho(accountTest(), c.Accounts)
		}
		return s.toNamed(append(s.rootARNs(c.Accounts), c.Principals...))
	case principalsKind:
		if s.Style == GrantCondition {
			return s.toNamed(c.Principals)
		}
	case organizationsKind:
		return s.toEveryoneWho(organizationTest(), c.Organizations)
	case organizationalUnitsKind:
		return s.toEveryoneWho(organizationalUnitTest(), c.OrganizationalUnits)
	case lambdaKind:
		if s.Lambda {
			return s.toLambda(c.Accounts)
		}
	}
	return statement{}, false
}

// toNamed grants to principals by their ARNs.
func (s Standard) toNamed(arns []string) (statement, bool) {
	return statement{
		principal: principal{awsPrincipal, sortedUnique(arns)},
		actions:   s.actions(accountsKind),
	}, len(arns) > 0
}

// toEveryoneWho grants to all principals that pass a test.
func (s Standard) toEveryoneWho(t test, values []string) (statement, bool) {
	return statement{
		principal:  everyone(),
		actions:    s.actions(accountsKind),
		conditions: []condition{{t, sortedUnique(values)}},
	}, len(values) > 0
}

// toLambda grants to the Lambda service on behalf of functions in accounts. A
// role in the list gets no pattern: it would let all functions of its account.
func (s Standard) toLambda(accounts []string) (statement, bool) {
	var patterns []string
	for _, account := range accounts {
		patterns = append(patterns, s.Registry.functionPrefix()+account+functionSuffix)
	}
	return s.toLambdaFor(patterns)
}

func (s Standard) toLambdaFor(patterns []string) (statement, bool) {
	return statement{
		principal:  principal{servicePrincipal, []string{lambdaService}},
		actions:    s.actions(lambdaKind),
		conditions: []condition{{sourceTest(), sortedUnique(patterns)}},
	}, len(patterns) > 0
}

func (s Standard) rootARNs(accounts []string) []string {
	var arns []string
	for _, account := range accounts {
		arns = append(arns, rootARN(s.Registry.Partition, account))
	}
	return arns
}
