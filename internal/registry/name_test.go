package registry_test

import (
	"regexp"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

// AWS's own pattern for repository names.
var repositoryName = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

// FuzzName: a name is valid if it is so by AWS's pattern and length.
func FuzzName(f *testing.F) {
	for _, name := range []string{"a", "ab", "a/b", "a--b", "a---b", "a__b", "a___b", "a..b", "a._b", "a-_b", "a/-b", "a-/b", "/ab", "ab/", "a//b", "Ab", "a\n", "ä1", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		want := len(name) >= 2 && len(name) <= 256 && repositoryName.MatchString(name)
		if err := registry.CheckName(name); (err == nil) != want {
			t.Errorf("%q: %v, want valid: %t", name, err, want)
		}
	})
}
