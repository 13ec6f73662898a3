package policy

import "slices"

// Grants returns to whom the statements in a document grant that belong to the
// list at a depth of a repository's path: 0 is the account list itself.
func (s Standard) Grants(document string, depth int) Consumers {
	doc, err := readDocument(document)
	if err != nil {
		return Consumers{}
	}
	var granted Consumers
	for _, own := range doc.own {
		for _, k := range kinds() {
			if st, ok := decodeStatement(own.raw, s.Registry.Partition); ok && own.sid == k.sid(depth) && s.permits(k, st) {
				s.addTo(&granted, k, st)
			}
		}
	}
	return granted.sorted()
}

func (s Standard) addTo(granted *Consumers, k kind, st statement) {
	for _, arn := range st.named() {
		if one, err := readEntry(arn, s.Registry.Partition); err == nil { // else it is left of a deleted role
			granted.add(one)
		}
	}
	switch {
	case k == lambdaKind || len(st.conditions) == 0:
	case k == accountsKind:
		granted.Accounts = append(granted.Accounts, st.conditions[0].values...)
	case k == principalsKind:
		granted.Principals = append(granted.Principals, st.conditions[0].values...)
	case k == organizationsKind:
		granted.Organizations = append(granted.Organizations, st.conditions[0].values...)
	case k == organizationalUnitsKind:
		granted.OrganizationalUnits = append(granted.OrganizationalUnits, st.conditions[0].values...)
	}
}

// And returns the consumers that are in both.
func (c Consumers) And(d Consumers) Consumers {
	return c.filter(func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(v string) bool { return !slices.Contains(b, v) })
	}, d)
}

// Less returns the consumers that are not in the others.
func (c Consumers) Less(d Consumers) Consumers {
	return c.filter(func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(v string) bool { return slices.Contains(b, v) })
	}, d)
}

func (c Consumers) filter(keep func(a, b []string) []string, d Consumers) Consumers {
	return Consumers{
		Accounts:            keep(c.Accounts, d.Accounts),
		Principals:          keep(c.Principals, d.Principals),
		Organizations:       keep(c.Organizations, d.Organizations),
		OrganizationalUnits: keep(c.OrganizationalUnits, d.OrganizationalUnits),
	}
}
