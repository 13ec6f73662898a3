package trigger

import (
	"fmt"
	"strings"
)

// CheckRepositoryName refuses what cannot be the name of a repository: 2 to 256 lower-case letters, digits and
// ._-/, each part between slashes starting and ending with a letter or digit. The error says which.
//
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
func CheckRepositoryName(name string) error {
	const shortest, longest = 2, 256
	if len(name) < shortest || len(name) > longest {
		return fmt.Errorf("%.40q is not a repository name: it has %d characters, not %d to %d", name, len(name), shortest, longest)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.Trim(part, "._-") != part || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
			return fmt.Errorf("%.256q is not a repository name: its parts, between slashes, are lower-case letters and digits with . _ - between them", name)
		}
	}
	return nil
}
