package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// childrenOf returns the processes that a process has started, directly or not, from Linux's /proc.
func childrenOf(t *testing.T, parent int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	children := map[int][]int{}
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		var state string
		var ppid int
		afterName := string(text[strings.LastIndex(string(text), ")")+1:])
		if _, err := fmt.Sscan(afterName, &state, &ppid); err != nil {
			t.Fatalf("%s: %v", stat, err)
		}
		children[ppid] = append(children[ppid], pid)
	}
	var found []int
	for queue := []int{parent}; len(queue) > 0; queue = queue[1:] {
		found = append(found, children[queue[0]]...)
		queue = append(queue, children[queue[0]]...)
	}
	return found
}
