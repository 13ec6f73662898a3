package policy

import (
	"errors"
	"slices"
)

// Consumers are the AWS accounts, roles, users, organizations, and
// organizational units that can pull. [ParseList] returns them sorted and free
// of duplicates; [Standard.Merge] accepts them in any order.
//
// The zero value isn't valid, so that a list that was never read doesn't revoke
// grants: without consumers, None must be true.
type Consumers struct {
	Accounts            []string // account IDs, 12 digits
	Principals          []string // ARNs of IAM roles and users
	Organizations       []string // IDs, o-…
	OrganizationalUnits []string // paths, o-…/r-…/ou-…[/ou-…]/*

	// None reports whether the list is the word none, which revokes all grants
	// of the list. There are no consumers then.
	None bool
}

// validate checks only whether there are consumers or none; each statement that
// is built is checked for what it grants.
func (c Consumers) validate() error {
	switch isEmpty := c.isEmpty(); {
	case isEmpty && !c.None:
		return errors.New("no consumers; set None to revoke all grants of the list")
	case !isEmpty && c.None:
		return errors.New("both None and consumers are set; set only one of them")
	}
	return nil
}

func (c Consumers) isEmpty() bool {
	return len(c.Accounts) == 0 && len(c.Principals) == 0 &&
		len(c.Organizations) == 0 && len(c.OrganizationalUnits) == 0
}

func (c *Consumers) add(one consumer) {
	switch one.kind {
	case noConsumer:
		c.None = true
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

// sorted returns the consumers sorted and free of duplicates.
func (c Consumers) sorted() Consumers {
	return Consumers{
		Accounts:            sortedUnique(c.Accounts),
		Principals:          sortedUnique(c.Principals),
		Organizations:       sortedUnique(c.Organizations),
		OrganizationalUnits: sortedUnique(c.OrganizationalUnits),
		None:                c.None,
	}
}

// sortedUnique returns a sorted copy without duplicates, nil if it is empty.
func sortedUnique(values []string) []string {
	if len(values) == 0 {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(values)))
}
