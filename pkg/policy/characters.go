package policy

import (
	"fmt"
	"strings"
)

func consistsOf(s string, allowed func(byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLowerOrDigit(c byte) bool { return 'a' <= c && c <= 'z' || isDigit(c) }

func isLowerOrDigitOrHyphen(c byte) bool { return isLowerOrDigit(c) || c == '-' }

func isUpperOrDigit(c byte) bool { return 'A' <= c && c <= 'Z' || isDigit(c) }

// isPrintable reports whether c is a printable ASCII character other than
// space.
func isPrintable(c byte) bool { return '!' <= c && c <= '~' }

// isNameCharacter reports whether IAM allows c in the name of a role or user. A
// name with a comma is valid in a policy, but can't be an entry of a list:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func isNameCharacter(c byte) bool {
	return isUpperOrDigit(c) || 'a' <= c && c <= 'z' || strings.IndexByte("_+=,.@-", c) >= 0
}

// equalFoldASCII reports whether names are equal but for the case of ASCII
// letters, as IAM compares them. strings.EqualFold alone would accept the
// Kelvin sign for a K.
func equalFoldASCII(a, b string) bool {
	return len(a) == len(b) && strings.EqualFold(a, b)
}

// quote quotes a piece of unknown text for a message, at most 100 characters.
func quote(s string) string {
	const limit = 100
	count := 0
	for i := range s {
		if count == limit {
			return fmt.Sprintf("%q…", s[:i])
		}
		count++
	}
	return fmt.Sprintf("%q", s)
}
