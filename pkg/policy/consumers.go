package policy

import "slices"

// Consumers are who may pull. Every slice is sorted and free of duplicates.
// The zero value is nobody, which is what a list that says none names.
type Consumers struct {
	Accounts            []string // account IDs, 12 digits
	Principals          []string // ARNs of IAM roles and users
	Organizations       []string // o-…
	OrganizationalUnits []string // o-…/r-…/ou-…[/ou-…]/*
}

// IsEmpty reports whether nobody may pull.
func (c Consumers) IsEmpty() bool {
	return len(c.Accounts) == 0 && len(c.Principals) == 0 &&
		len(c.Organizations) == 0 && len(c.OrganizationalUnits) == 0
}

func (c *Consumers) add(one consumer) {
	switch one.kind {
	case anAccount:
		c.Accounts = append(c.Accounts, one.id)
	case aPrincipal:
		c.Principals = append(c.Principals, one.id)
	case anOrganization:
		c.Organizations = append(c.Organizations, one.id)
	case anOrganizationalUnit:
		c.OrganizationalUnits = append(c.OrganizationalUnits, one.id)
	}
}

// has reports whether a consumer is among them.
func (c *Consumers) has(one consumer) bool {
	switch one.kind {
	case anAccount:
		return slices.Contains(c.Accounts, one.id)
	case aPrincipal:
		return slices.Contains(c.Principals, one.id)
	case anOrganization:
		return slices.Contains(c.Organizations, one.id)
	case anOrganizationalUnit:
		return slices.Contains(c.OrganizationalUnits, one.id)
	}
	return false
}

// sorted returns the consumers in the form that Consumers promises.
func (c Consumers) sorted() Consumers {
	return Consumers{
		Accounts:            sortedUnique(c.Accounts),
		Principals:          sortedUnique(c.Principals),
		Organizations:       sortedUnique(c.Organizations),
		OrganizationalUnits: sortedUnique(c.OrganizationalUnits),
	}
}

// sortedUnique returns a sorted copy without duplicates, nil if it is empty.
func sortedUnique(values []string) []string {
	if len(values) == 0 {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(values)))
}
