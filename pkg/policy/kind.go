package policy

import "strconv"

// SidPrefix begins the Sid of every statement that is ours, and of no other.
const SidPrefix = "EcrPullPolicy"

// kind is one of the statements of the standard policy. It is what the
// statement's Sid has after the prefix.
type kind string

const (
	accountsKind            kind = "Accounts"
	principalsKind          kind = "Principals" // roles and users, in the grant style condition
	organizationsKind       kind = "Organizations"
	organizationalUnitsKind kind = "OrganizationalUnits"
	lambdaKind              kind = "Lambda"
)

// kinds returns the kinds in the order that they have in a document.
func kinds() []kind {
	return []kind{accountsKind, principalsKind, organizationsKind, organizationalUnitsKind, lambdaKind}
}

// sid tells the statements of the lists on a repository's path apart: those of
// the account list itself, at depth 0, have no number.
func (k kind) sid(depth int) string {
	if depth == 0 {
		return SidPrefix + string(k)
	}
	return SidPrefix + string(k) + strconv.Itoa(depth)
}
