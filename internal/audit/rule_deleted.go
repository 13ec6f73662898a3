package audit

import "slices"

// deletedPrincipal looks at statements that deny too: ECR refuses to store any document that names a deleted
// principal, so nobody can change this policy any more, the standard included.
func (r rules) deletedPrincipal(s Statement) (mark, bool) {
	deleted := slices.DeleteFunc(s.named(), func(c Consumer) bool { return c.Kind != Deleted })
	sentence := "Names " + names(deleted) + ", what is left of a deleted role or user; ECR will refuse the next write of this policy."
	return mark{Medium, DeletedPrincipal, sentence}, len(deleted) > 0
}
