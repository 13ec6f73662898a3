//go:build !linux

package function

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// PeakMemory returns the current resident set size of a process in bytes, because only Linux reports the peak of another
// process.
func PeakMemory(pid int) (int, error) {
	output, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	kilobytes, err := strconv.Atoi(strings.TrimSpace(string(output)))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	return kilobytes * 1024, nil
}
