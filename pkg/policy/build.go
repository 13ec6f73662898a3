package policy

// build returns the statement of a kind that grants consumers their pull in a
// style. It reports false if no consumer needs a statement of that kind.
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
	}
	return statement{}, false
}

// toNamed grants to principals by their ARNs.
func (s Standard) toNamed(arns []string) (statement, bool) {
	return statement{
		effect:     allow,
		principals: []principal{{awsPrincipal, sortedUnique(arns)}},
		actions:    s.actions(accountsKind),
	}, len(arns) > 0
}

// toEveryoneWith grants to all principals that pass the test of a kind.
func (s Standard) toEveryoneWith(k kind, values []string) (statement, bool) {
	return statement{
		effect:     allow,
		principals: everyone(),
		actions:    s.actions(k),
		conditions: []condition{{test: k.test(), values: sortedUnique(values)}},
	}, len(values) > 0
}

// toFunctionsOf grants to the Lambda service on behalf of functions in
// accounts. A role in the list gets no pattern: it would grant to all functions
// of its account.
func (s Standard) toFunctionsOf(accounts []string) (statement, bool) {
	var patterns []string
	for _, account := range accounts {
		patterns = append(patterns, s.Registry.functionPrefix()+account+functionSuffix)
	}
	return statement{
		effect:     allow,
		principals: lambda(),
		actions:    s.actions(lambdaKind),
		conditions: []condition{{test: functionTest(), values: sortedUnique(patterns)}},
	}, len(patterns) > 0
}

func (s Standard) rootARNs(accounts []string) []string {
	var arns []string
	for _, account := range accounts {
		arns = append(arns, rootARN(s.Registry.Partition, account))
	}
	return arns
}

// Principals returns the ARNs that the policy for consumers names as
// principals, sorted: those that ECR takes only if they exist. In the grant
// style condition there are none.
func (s Standard) Principals(c Consumers) []string {
	if s.Style == GrantCondition {
		return nil
	}
	named, _ := s.toNamed(append(s.rootARNs(c.Accounts), c.Principals...))
	return named.named()
}

// Naming returns a policy that grants to the principals with the ARNs, as the
// style principal does. ECR takes it only if all of them exist. It fails with a
// *[SizeError] if it would be too large.
func (s Standard) Naming(arns []string) (string, error) {
	named, _ := s.toNamed(arns)
	text := document{}.with([]managedStatement{named.encode(accountsKind.sid(0))})
	return text, s.checkSize(text, GrantPrincipal)
}
