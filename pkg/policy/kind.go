package policy

import (
	"slices"
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

// kinds returns the kinds of statements in a policy at the level, in order. The
// Lambda service isn't granted in the registry policy: AWS documents only the
// policy of the repository.
//
// https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#configuration-images-xaccount-permissions
func (l Level) kinds() []kind {
	if l.isRegistry() {
		return slices.DeleteFunc(kinds(), kind.isForLambda)
	}
	return kinds()
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

// sid returns the Sid of a statement of the kind in a place.
func (p place) sid(k kind) string { return SidPrefix + string(k) + p.suffix }

// parseSid returns the kind of a managed statement, and the suffix of its Sid,
// which stands for its list. Whether a document has such a list isn't checked.
func parseSid(sid string) (k kind, suffix string, ok bool) {
	name := withoutMarks(sid)
	for _, k := range kinds() {
		suffix, ok := strings.CutPrefix(name, string(k))
		if ok && (suffix == "" || isDigit(suffix[0]) || strings.HasPrefix(suffix, inNamespace)) {
			return k, suffix, true
		}
	}
	return "", "", false
}
