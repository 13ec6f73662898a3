// Package phrase writes numbers and lists for readers.
package phrase

import (
	"fmt"
	"strings"
)

// Count returns a number with its noun: "1 repository", "2 repositories".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Repositories returns a number of repositories.
func Repositories(n int) string { return Count(n, "repository", "repositories") }

// shown is the number of texts that Some shows of many.
const shown = 3

// Some joins texts. It shows only the first of many, and counts the others.
func Some(texts []string) string {
	if !Shortens(texts) {
		return strings.Join(texts, ", ")
	}
	return fmt.Sprintf("%s, and %d more", strings.Join(texts[:shown], ", "), len(texts)-shown)
}

// Shortens reports whether Some leaves out texts. It shows a single further text, which is as short as its count.
func Shortens(texts []string) bool { return len(texts) > shown+1 }

// InRepositories returns where something is: "in team-a/api", or "in 5 repositories (a, b, c, and 2 more)".
func InRepositories(names []string) string {
	if len(names) == 1 {
		return "in " + names[0]
	}
	return fmt.Sprintf("in %s (%s)", Repositories(len(names)), Some(names))
}
