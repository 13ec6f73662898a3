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
	accountsKind            kind = "Accounts"
	principalsKind          kind = "Principals" // roles and users, using a condition
	organizationsKind       kind = "Organizations"
	organizationalUnitsKind kind = "OrganizationalUnits"
	lambdaKind              kind = "Lambda"
)

// kinds returns the kinds in the order of a document.
func kinds() []kind {
	return []kind{accountsKind, principalsKind, organizationsKind, organizationalUnitsKind, lambdaKind}
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
