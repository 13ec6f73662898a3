package function

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
)

// PeakMemory returns the most memory that the instance ever had resident, in bytes.
func (f *Function) PeakMemory() (int, error) { return PeakMemory(f.process.Process.Pid) }

// PeakMemory returns the most memory that a process ever had resident, in bytes, as Linux counts it.
func PeakMemory(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read peak memory: %w", err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		return 0, fmt.Errorf("read peak memory: none in %s", status)
	}
	kilobytes, err := strconv.Atoi(string(found[1]))
	if err != nil {
		return 0, fmt.Errorf("read peak memory: %w", err)
	}
	return kilobytes * 1024, nil
}
