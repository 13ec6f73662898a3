package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// statistics are the numbers of occurrences of events in the simulation, by description.
type statistics map[string]int

func (s statistics) add(other statistics) {
	for description, n := range other {
		s[description] += n
	}
}

func (s statistics) String() string {
	var lines []string
	for _, description := range slices.Sorted(maps.Keys(s)) {
		lines = append(lines, fmt.Sprintf("%10d  %s", s[description], description))
	}
	return strings.Join(lines, "\n")
}
