package phrase_test

import (
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
)

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 repositories", 1: "1 repository", 2: "2 repositories"} {
		if got := phrase.Repositories(n); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSome(t *testing.T) {
	texts := []string{"a", "b", "c", "d", "e"}
	for n, want := range map[int]string{0: "", 1: "a", 4: "a, b, c, d", 5: "a, b, c, and 2 more"} {
		if got := phrase.Some(texts[:n]); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
