//go:build !linux

package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// parents returns the parent of each process.
func parents(t *testing.T) map[int]int {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		t.Fatal(err)
	}
	parents := map[int]int{}
	for line := range strings.Lines(string(output)) {
		var pid, parent int
		if _, err := fmt.Sscan(line, &pid, &parent); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		parents[pid] = parent
	}
	return parents
}
