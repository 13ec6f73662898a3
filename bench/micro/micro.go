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
	// benchTime is the minimum duration of each run of a benchmark.
	benchTime = "100ms"

	// count is the number of runs. benchstat needs six runs to report a confidence interval.
	count = "6"
)

// Run runs the benchmarks and writes their results to w as a table.
func Run(ctx context.Context, w io.Writer) error {
	root, err := localaws.Root(".")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "micro")
	if err != nil {
		return fmt.Errorf("create a temporary directory: %w", err)
	}
	defer os.RemoveAll(dir)
	measured, err := goTool(ctx, root, "test", "-run", "^$", "-bench", ".", "-benchtime", benchTime, "-count", count, "./pkg/policy")
	if err != nil {
		return fmt.Errorf("run benchmarks: %w", err)
	}
	file := filepath.Join(dir, "now")
	if err := os.WriteFile(file, measured, 0o600); err != nil {
		return fmt.Errorf("write the results of the benchmarks: %w", err)
	}
	text, err := goTool(ctx, filepath.Join(root, "bench"), "tool", "benchstat", "now="+file)
	if err != nil {
		return fmt.Errorf("format the results of the benchmarks: %w", err)
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
