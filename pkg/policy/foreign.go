package policy

import (
	"fmt"
	"slices"
)

// NamingPrincipals describes the statements of a document that are not ours and
// for whose principals ECR may refuse it, each by its position among those, from 1 on,
// and its Sid: those with the unique ID of a deleted role or user if there are any,
// and otherwise all that name AWS principals.
func NamingPrincipals(document string) []string {
	doc, err := readDocument(document)
	if err != nil {
		return nil
	}
	var deleted, naming []string
	for i, raw := range doc.foreign {
		sid, principals := principalsOf(raw)
		if len(principals) == 0 {
			continue
		}
		said := fmt.Sprintf("foreign statement %d (Sid %s)", i+1, quote(sid))
		naming = append(naming, said)
		if at := slices.IndexFunc(principals, isUniqueID); at >= 0 {
			deleted = append(deleted, said+" names "+principals[at]+", which is left of a deleted role or user")
		}
	}
	if len(deleted) > 0 {
		return deleted
	}
	return naming
}

// principalsOf returns the Sid of a statement and the AWS principals that it
// names, but for everyone.
func principalsOf(raw []byte) (sid string, principals []string) {
	members, err := readObject(raw)
	if err != nil {
		return "", nil
	}
	for _, m := range members {
		switch m.name {
		case "Sid":
			sid, _ = readString(m.value)
		case "Principal":
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
