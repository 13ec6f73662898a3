package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// statistics count what happened.
type statistics map[string]int

func (s statistics) add(other statistics) {
	for what, n := range other {
		s[what] += n
	}
}

func (s statistics) String() string {
	var lines []string
	for _, what := range slices.Sorted(maps.Keys(s)) {
		lines = append(lines, fmt.Sprintf("%10d  %s", s[what], what))
	}
	return strings.Join(lines, "\n")
}
