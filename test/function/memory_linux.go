package function

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
)

// PeakMemory returns the peak resident set size of a process in bytes, as reported by Linux.
func PeakMemory(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read peak memory: %w", err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		return 0, fmt.Errorf("read peak memory: no VmHWM in %s", status)
	}
	kilobytes, err := strconv.Atoi(string(found[1]))
	if err != nil {
		return 0, fmt.Errorf("read peak memory: %w", err)
	}
	return kilobytes * 1024, nil
}
