package smoke

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
)

func TestName(t *testing.T) {
	for _, c := range []struct{ include, exclude, want string }{
		{"**", "", "ecr-pull-policy-smoke-1"},
		{"**", "*", "ecr-pull-policy-smoke/1"},
		{"**", "ecr-*-*", "ecr-pull-policy-smoke/1"},
		{"team-a/**", "", "team-a/ecr-pull-policy-smoke-1"},
		{"team-*/api-*", "", "team-x/api-ecr-pull-policy-smoke-1"},
		{"**/api/*", "", "api/ecr-pull-policy-smoke-1"},
		{"*/api", "", "ecr-pull-policy-smoke-1/api"},
		{"api,team-[ab]/web-?-*", "", "team-a/web-x-ecr-pull-policy-smoke-1"},
		{"team-a/*,team-b/*", "team-a/**", "team-b/ecr-pull-policy-smoke-1"},
		{"api", "", ""},
		{"team-?", "", ""},
		{"Team/*", "", ""}, // no repository has a capital letter
		{"**", "**", ""},
	} {
		include := strings.Split(c.include, ",")
		s, err := scope.New(include, []string{c.exclude})
		if err != nil {
			t.Fatal(err)
		}
		got, err := name(include, s, "1")
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("include %q, exclude %q: got %q, %v, want %q", c.include, c.exclude, got, err, c.want)
		}
		if err != nil && !strings.Contains(err.Error(), "the include patterns are "+c.include+"; add the pattern") {
			t.Errorf("unclear error: %v", err)
		}
	}
}

func TestNewName(t *testing.T) {
	s, err := scope.New([]string{"**"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	first, err := NewName([]string{"**"}, s)
	second, _ := NewName([]string{"**"}, s)
	if err != nil || first == second || !regexp.MustCompile(`^ecr-pull-policy-smoke-[a-z0-9]{10}$`).MatchString(first) {
		t.Errorf("got %q and %q, %v", first, second, err)
	}
}
