package policy

import (
	"fmt"
	"slices"
	"strings"
)

// UnmanagedNaming describes the unmanaged statements of a document for whose
// principals ECR can reject it, each by its position among the unmanaged ones,
// from 1 on, and its Sid: those with the unique ID of a deleted role or user if
// there are any, and otherwise all that name AWS principals.
func UnmanagedNaming(document string) []string {
	doc, err := readDocument(document, "")
	if err != nil {
		return nil
	}
	var deleted, naming []string
	for i, raw := range doc.unmanaged {
		sid, principals := principalsOf(raw)
		if len(principals) == 0 {
			continue
		}
		description := fmt.Sprintf("unmanaged statement %d (Sid %s)", i+1, quote(sid))
		naming = append(naming, description)
		if at := slices.IndexFunc(principals, isUniqueID); at >= 0 {
			deleted = append(deleted, description+" names "+principals[at]+", the ID of a deleted role or user")
		}
	}
	if len(deleted) > 0 {
		return deleted
	}
	return naming
}

// principalsOf returns the Sid of a statement and the AWS principals that it
// names, all principals not among them.
func principalsOf(raw []byte) (sid string, principals []string) {
	members, err := readObject(raw)
	if err != nil {
		return "", nil
	}
	for _, m := range members {
		switch m.name {
		case "Sid":
			sid, _ = readString(m.value)
		case "Principal", "NotPrincipal":
			byKind, err := readObject(m.value)
			if err != nil {
				continue
			}
			for _, kind := range byKind {
				if values, ok := readStrings(kind.value); ok && kind.name == awsPrincipal {
					principals = append(principals, values...)
				}
			}
		}
	}
	return sid, slices.DeleteFunc(principals, func(p string) bool { return p == "*" })
}

// isUniqueID reports whether s is the unique ID of a role or user. IAM puts it
// in the place of the ARN, in stored policies, when the role or user is deleted:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
func isUniqueID(s string) bool {
	return (strings.HasPrefix(s, "AROA") || strings.HasPrefix(s, "AIDA")) &&
		16 <= len(s) && len(s) <= 128 && consistsOf(s, isUpperOrDigit)
}
