package policy

import (
	"errors"
	"fmt"
	"strings"
)

// readOrganization reads an entry that starts with o-: an organization ID, or
// the path of an organizational unit in the form of aws:PrincipalOrgPaths:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func readOrganization(entry string) (consumer, error) {
	organization, path, isPath := strings.Cut(entry, "/")
	if !isOrganizationID(organization) {
		return consumer{}, fmt.Errorf("invalid organization ID %s; expected o- and 10 to 32 lowercase letters or digits", quote(organization))
	}
	if !isPath {
		return consumer{anOrganization, organization}, nil
	}
	if err := checkUnitPath(organization, path); err != nil {
		return consumer{}, err
	}
	return consumer{anOrganizationalUnit, entry}, nil
}

// checkUnitPath checks what follows the organization ID in a path.
func checkUnitPath(organization, path string) error {
	root, units, _ := strings.Cut(path, "/")
	if namesAll := units == "" || units == "*"; namesAll && (root == "" || root == "*" || isRootID(root)) {
		return fmt.Errorf("the path covers the whole organization; list its ID: %s", organization)
	}
	if !isRootID(root) {
		return fmt.Errorf("invalid root ID %s; expected r- and 4 to 32 lowercase letters or digits", quote(root))
	}
	units, isSubtree := strings.CutSuffix(units, "/*")
	if !isSubtree {
		return errors.New("incomplete path of an organizational unit; end it with /* to include the accounts in the unit and below it")
	}
	for unit := range strings.SplitSeq(units, "/") {
		if !isUnitID(unit) {
			return fmt.Errorf("invalid organizational unit ID %s; expected ou-, 4 to 32 lowercase letters or digits, a hyphen, and 8 to 32 lowercase letters or digits", quote(unit))
		}
	}
	return nil
}

// The forms of the three IDs are those of
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html,
// API_Root.html, and API_OrganizationalUnit.html.

func isOrganizationID(s string) bool {
	id, ok := strings.CutPrefix(s, "o-")
	return ok && isIDPart(id, 10)
}

func isRootID(s string) bool {
	id, ok := strings.CutPrefix(s, "r-")
	return ok && isIDPart(id, 4)
}

func isUnitID(s string) bool {
	id, ok := strings.CutPrefix(s, "ou-")
	root, unit, _ := strings.Cut(id, "-")
	return ok && isIDPart(root, 4) && isIDPart(unit, 8)
}

func isIDPart(s string, shortest int) bool {
	const longest = 32
	return shortest <= len(s) && len(s) <= longest && consistsOf(s, isLowerOrDigit)
}
