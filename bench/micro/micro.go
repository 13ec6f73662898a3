// Package micro runs the benchmarks of pkg/policy and formats the results with benchstat.
package micro

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

const (
	// What a benchmark takes at least, and how often it is run: six times are what benchstat needs to tell a confidence.
	time  = "100ms"
	count = "6"
)

// Run measures and writes a table.
func Run(ctx context.Context, w io.Writer) error {
	root, err := localaws.Root(".")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "micro")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer os.RemoveAll(dir)
	measured, err := goTool(ctx, root, "test", "-run", "^$", "-bench", ".", "-benchtime", time, "-count", count, "./pkg/policy")
	if err != nil {
		return fmt.Errorf("run benchmarks: %w", err)
	}
	// benchstat heads its columns with the name of the file.
	file := filepath.Join(dir, "now")
	if err := os.WriteFile(file, measured, 0o600); err != nil {
		return fmt.Errorf("keep benchmarks: %w", err)
	}
	text, err := goTool(ctx, filepath.Join(root, "bench"), "tool", "benchstat", "now="+file)
	if err != nil {
		return fmt.Errorf("make a table of benchmarks: %w", err)
	}
	_, err = fmt.Fprintf(w, "```\n%s```\n", text)
	return err
}

func goTool(ctx context.Context, dir string, arguments ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = dir
	command.Stderr = os.Stderr
	return command.Output()
}
