package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "demo")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return program
}

// The demo succeeds only if all of its checks do, in the emulator and, as on macOS, without it.
func TestDemo(t *testing.T) {
	program := build(t)
	for _, sandbox := range []string{"emulator", "host"} {
		t.Run(sandbox, func(t *testing.T) {
			if sandbox == "emulator" && runtime.GOOS != "linux" {
				t.Skip("the emulator is a Linux program")
			}
			t.Parallel()
			picture := filepath.Join(t.TempDir(), "picture.svg")
			demo := exec.CommandContext(t.Context(), program, "-picture", picture)
			demo.Env = append(os.Environ(), "LOCALAWS_RUNTIME="+sandbox)
			checkOutput(t, demo, []string{
				"3. The account list is written",
				"✓ both accounts can pull from all three",
				"✓ both accounts can pull from shop/search",
				"✓ 222222222222 can no longer pull",
				`"2222-2222-2222"`,
				"✓ all 4 policies are unchanged",
				`   - "Principal": {"AWS": ["arn:aws:iam::111111111111:root"]},` + "\n" + `   + "Principal": "*",` + "\n",
				"Next steps",
			})
			if checkedIn, made := timeless(t, "../../docs/rollout.svg"), timeless(t, picture); checkedIn != made {
				t.Errorf("docs/rollout.svg isn't the picture of this demo; run make picture. The picture is\n%s", made)
			}
		})
	}
}

func TestDemoAtRegistryLevel(t *testing.T) {
	checkOutput(t, exec.CommandContext(t.Context(), build(t), "-level", "registry"), []string{
		"3. The account list is written, and one write grants on all repositories",
		"✓ both accounts can pull from all three",
		"✓ both accounts can pull from shop/search before any function runs",
		"✓ 333333333333 can pull from shop",
		"✓ 222222222222 can no longer pull",
		`   + "Resource": ["arn:aws:ecr:eu-central-1:123456789012:repository/*"],` + "\n",
		"Next steps",
	})
}

// checkOutput checks that the output of the demo has parts, and fits a terminal.
func checkOutput(t *testing.T, demo *exec.Cmd, parts []string) {
	t.Helper()
	output, err := demo.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, part := range parts {
		if !bytes.Contains(output, []byte(part)) {
			t.Errorf("the output of the demo doesn't contain %q", part)
		}
	}
	for line := range strings.Lines(string(output)) {
		if columns := utf8.RuneCountInString(strings.TrimRight(line, "\n")); columns > width {
			t.Errorf("%d columns: %s", columns, line)
		}
	}
	if bytes.Contains(output, []byte("\x1b[")) {
		t.Error("colors in a pipe")
	}
}

// Ctrl-C stops all processes of the demo.
func TestInterrupt(t *testing.T) {
	demo := exec.CommandContext(t.Context(), build(t))
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	demo.Stdout = writer
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	waitFor(t, reader, "ready") // all processes are running
	children := childrenOf(t, demo.Process.Pid)
	if want := map[bool]int{true: 3, false: 1}[runtime.GOOS == "linux"]; len(children) < want { // on the host, no function has started
		t.Errorf("%d processes run, want moto and, on Linux, two emulators", len(children))
	}
	if err := demo.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err = demo.Wait()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("the demo ended with %v, want exit status 130", err)
	}
	for _, child := range children {
		if alive(child) {
			t.Errorf("process %d is still running", child)
		}
	}
}

// timeless returns the text of a picture without the duration of the rollout.
func timeless(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`after \d+\.\d s`).ReplaceAllString(string(text), "after N s")
}

func waitFor(t *testing.T, reader *os.File, word string) {
	t.Helper()
	if err := reader.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(seen.String(), word) {
		n, err := reader.Read(buffer)
		if err != nil {
			t.Fatalf("%v, after %q", err, seen.String())
		}
		seen.Write(buffer[:n])
	}
}

// childrenOf returns the processes that a process has started, directly or not.
func childrenOf(t *testing.T, parent int) []int {
	t.Helper()
	parents := parents(t)
	var found []int
	for queue := []int{parent}; len(queue) > 0; queue = queue[1:] {
		for pid, parent := range parents {
			if parent == queue[0] {
				found, queue = append(found, pid), append(queue, pid)
			}
		}
	}
	return found
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
