package registry

import (
	"fmt"
	"strings"
)

// CheckName returns an error for a name that isn't a valid repository name. According to ECR's current API reference,
// names have 2 to 256 characters and match
//
//	[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*
//
// so a__b and a--b are valid, while a..b, a___b and a-_b aren't. The older pattern, and perhaps some Regions, allow
// only one separator. In that case, ECR rejects the name.
//
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
func CheckName(name string) error {
	const shortest, longest = 2, 256
	if len(name) < shortest || len(name) > longest {
		return fmt.Errorf("%.40q: invalid repository name; must have %d to %d characters, found %d", name, shortest, longest, len(name))
	}
	for segment := range strings.SplitSeq(name, "/") {
		if !validSegment(segment) {
			return fmt.Errorf("%q: invalid repository name; must consist of lowercase letters and digits, separated by /, ., _, __ or hyphens", name)
		}
	}
	return nil
}

// validSegment reports whether s consists of sequences of letters and digits with one separator between them.
func validSegment(s string) bool {
	for {
		rest := strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyz0123456789")
		if rest == s || rest == "" {
			return rest != s
		}
		s = strings.TrimLeft(rest, "._-")
		switch separator := rest[:len(rest)-len(s)]; separator {
		case ".", "_", "__":
		default:
			if strings.Trim(separator, "-") != "" {
				return false
			}
		}
	}
}
