package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// parents returns the parent of each process, from Linux's /proc. Small systems don't have ps.
func parents(t *testing.T) map[int]int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	parents := map[int]int{}
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		var state string
		var parent int
		afterName := string(text[strings.LastIndex(string(text), ")")+1:])
		if _, err := fmt.Sscan(afterName, &state, &parent); err != nil {
			t.Fatalf("%s: %v", stat, err)
		}
		parents[pid] = parent
	}
	return parents
}
