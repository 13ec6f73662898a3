package policy

import (
	"fmt"
	"slices"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// DeletedPrincipals describes the unmanaged statements that name the unique ID
// of a deleted role or user, because ECR rejects every document with such a
// statement:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
//
// Each description is a phrase for an error message, with the statement's
// position among the unmanaged statements, from 1, and its Sid.
func (d Document) DeletedPrincipals() []string {
	deleted, _ := d.describeUnmanaged()
	return deleted
}

// UnmanagedPrincipals describes the unmanaged statements that name AWS
// principals, because ECR rejects a document if one of these principals doesn't exist:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html
//
// If there are deleted principals, it returns [Document.DeletedPrincipals].
func (d Document) UnmanagedPrincipals() []string {
	deleted, naming := d.describeUnmanaged()
	if len(deleted) > 0 {
		return deleted
	}
	return naming
}

// describeUnmanaged describes the unmanaged statements that name a deleted
// principal, and those that name any principal.
func (d Document) describeUnmanaged() (deleted, naming []string) {
	for i, raw := range d.unmanaged {
		sid, principals := principalsOf(raw)
		if len(principals) == 0 {
			continue
		}
		description := fmt.Sprintf("unmanaged statement %d (no Sid)", d.position(i))
		if sid != "" {
			description = fmt.Sprintf("unmanaged statement %d (Sid %s)", d.position(i), quote(sid))
		}
		naming = append(naming, description+" names "+first(principals))
		if at := slices.IndexFunc(principals, iampolicy.IsUniqueID); at >= 0 {
			deleted = append(deleted, description+" names "+principals[at]+", the ID of a deleted role or user")
		}
	}
	return deleted, naming
}

// position returns the position of an unmanaged statement among those in the
// parsed text, from 1.
func (d Document) position(i int) int {
	if d.positions == nil {
		return i + 1
	}
	return d.positions[i]
}

// first returns the first of several principals, and how many more there are.
func first(principals []string) string {
	if n := len(principals) - 1; n > 0 {
		return fmt.Sprintf("%s and %d more", quote(principals[0]), n)
	}
	return quote(principals[0])
}

// principalsOf returns the Sid of a statement and the AWS principals that it
// names, without "*".
func principalsOf(raw []byte) (sid string, principals []string) {
	members, err := iampolicy.ReadObject(raw)
	if err != nil {
		return "", nil
	}
	for _, m := range members {
		switch m.Name {
		case "Sid":
			sid, _ = readString(m.Value)
		case "Principal", "NotPrincipal":
			byKind, err := iampolicy.ReadObject(m.Value)
			if err != nil {
				continue
			}
			for _, kind := range byKind {
				if values, ok := readStrings(kind.Value); ok && kind.Name == awsPrincipal {
					principals = append(principals, values...)
				}
			}
		}
	}
	return sid, slices.DeleteFunc(principals, func(p string) bool { return p == "*" })
}
