package scope_test

import (
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
)

func TestContains(t *testing.T) {
	for _, c := range []struct {
		include, exclude, repository string
		want                         bool
	}{
		{"**", "", "api", true},
		{"**", "", "team-a/api/web", true},
		{"team-a/*", "", "team-a/api", true},
		{"team-a/*", "", "team-a/api/web", false},
		{"team-a/*", "", "team-b/api", false},
		{"team-a/**", "", "team-a/api/web", true},
		{"team-a/**", "", "team-a", true},
		{"**", "**/scratch-*", "team-a/scratch-1", false},
		{"**", "**/scratch-*", "scratch-1", false},
		{"**", "**/scratch-*", "team-a/scratch", true},
		{"team-a/**,team-b/**", "team-b/x", "team-b/y", true},
		{"team-a/**,team-b/**", "team-b/x", "team-b/x", false},
	} {
		s, err := scope.New(split(c.include), split(c.exclude))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Contains(c.repository); got != c.want {
			t.Errorf("include %q, exclude %q contain %q: %t, want %t", c.include, c.exclude, c.repository, got, c.want)
		}
	}
}

func TestMalformedPatterns(t *testing.T) {
	_, err := scope.New([]string{"**", "team-[a"}, []string{"scratch-[", "x"})
	if err == nil || !strings.Contains(err.Error(), `"team-[a"`) || !strings.Contains(err.Error(), `"scratch-["`) {
		t.Errorf("got %v, want both malformed patterns named", err)
	}
}

func TestEmptyPatterns(t *testing.T) {
	for _, include := range [][]string{nil, {""}, {"**", ""}} {
		if _, err := scope.New(include, nil); err == nil || !strings.Contains(err.Error(), "is empty; use **") {
			t.Errorf("include %q: %v", include, err)
		}
	}
	if _, err := scope.New([]string{"**"}, []string{""}); err != nil {
		t.Error(err)
	}
}

func split(patterns string) []string {
	if patterns == "" {
		return nil
	}
	return strings.Split(patterns, ",")
}
