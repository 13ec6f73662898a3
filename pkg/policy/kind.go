package policy

import (
	"strconv"
	"strings"
)

// SidPrefix is the prefix of the Sid of every managed statement, and of no
// other:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html
const SidPrefix = "EcrPullPolicy"

// kind is a kind of statement of the standard policy, named as in the
// statement's Sid after the prefix.
type kind string

const (
	accountsKind                  kind = "Accounts"
	principalsKind                kind = "Principals" // roles and users, using a condition
	organizationsKind             kind = "Organizations"
	organizationalUnitsKind       kind = "OrganizationalUnits"
	lambdaKind                    kind = "Lambda" // functions of accounts
	lambdaOrganizationsKind       kind = "LambdaOrganizations"
	lambdaOrganizationalUnitsKind kind = "LambdaOrganizationalUnits"
)

// kinds returns the kinds in the order of a document.
func kinds() []kind {
	return []kind{
		accountsKind, principalsKind, organizationsKind, organizationalUnitsKind,
		lambdaKind, lambdaOrganizationsKind, lambdaOrganizationalUnitsKind,
	}
}

// isForLambda reports whether statements of the kind grant to the Lambda
// service, on behalf of the functions of consumers.
func (k kind) isForLambda() bool {
	return k == lambdaKind || k.isForLambdaOfOrganizations()
}

// isForLambdaOfOrganizations reports whether statements of the kind have two
// tests: one for the organization, and one for the functions.
func (k kind) isForLambdaOfOrganizations() bool {
	return k == lambdaOrganizationsKind || k == lambdaOrganizationalUnitsKind
}

// tests returns the kind of the consumers that the values of the kind's test
// are.
func (k kind) tests() consumerKind {
	switch k {
	case principalsKind:
		return aPrincipal
	case organizationsKind, lambdaOrganizationsKind:
		return anOrganization
	case organizationalUnitsKind, lambdaOrganizationalUnitsKind:
		return anOrganizationalUnit
	default: // accountsKind, lambdaKind
		return anAccount
	}
}

// sid returns the Sid of a statement of the list at a depth of a repository's
// path. The account list is at depth 0, and its Sids have no number.
func (k kind) sid(depth int) string {
	if depth == 0 {
		return SidPrefix + string(k)
	}
	return SidPrefix + string(k) + strconv.Itoa(depth)
}

// parseSid is the inverse of sid.
func parseSid(sid string) (k kind, depth int, ok bool) {
	name := strings.TrimPrefix(sid, SidPrefix)
	letters := strings.TrimRight(name, "0123456789")
	for _, k := range kinds() {
		if string(k) == letters {
			depth, _ := strconv.Atoi(name[len(letters):]) // no digits are depth 0
			return k, depth, k.sid(depth) == sid
		}
	}
	return "", 0, false
}
