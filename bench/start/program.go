package start

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

// program is a function to measure.
type program struct {
	name       string
	setsPolicy bool  // false for the function that does nothing
	size       int64 // size of the binary in bytes; 0 for a script
	command    []string
	extra      map[string]string // environment variables in addition to those of onrepo
}

const (
	blogVenv         = ".local/bench-start-venv"
	blogRequirements = "bench/start/blog/requirements.txt"
)

//go:embed blog/handler.py
var blogHandler []byte

// compile builds the package source of the Go module in the directory module. It writes the binary to dir.
func compile(ctx context.Context, module, dir, name, source string, setsPolicy bool) (program, error) {
	path := filepath.Join(dir, filepath.Base(source))
	if err := localaws.BuildFunction(ctx, module, source, path); err != nil {
		return program{}, err
	}
	return binary(name, path, setsPolicy)
}

// binary returns the program with the binary at path.
func binary(name, path string, setsPolicy bool) (program, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return program{}, err
	}
	file, err := os.Stat(path)
	if err != nil {
		return program{}, fmt.Errorf("get the size of the binary of %s: %w", name, err)
	}
	return program{name: name, setsPolicy: setsPolicy, size: file.Size(), command: []string{path, "bootstrap"}}, nil
}

// blog returns the Python function. Its code is compiled to bytecode in advance, like that of Lambda's Python runtime
// and of its boto3.
func blog(ctx context.Context, root, dir string, progress io.Writer) (program, error) {
	python, err := venv.Setup(ctx, root, blogVenv, blogRequirements, progress)
	if err != nil {
		return program{}, fmt.Errorf("set up %s: %w", blogVenv, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "handler.py"), blogHandler, 0o644); err != nil {
		return program{}, err
	}
	output, err := exec.CommandContext(ctx, python.Python(), "-m", "compileall", "-q", dir).CombinedOutput()
	if err != nil {
		return program{}, fmt.Errorf("compile the Python function: %w: %s", err, output)
	}
	return program{
		name:       "Python with boto3",
		setsPolicy: true,
		command:    []string{python.Python(), "-m", "awslambdaric", "handler.handler"},
		extra:      map[string]string{"PYTHONPATH": dir, "LAMBDA_TASK_ROOT": dir},
	}, nil
}

// in returns a function that runs the program with the environment of onrepo in the stack.
func (p program) in(stack *localaws.Stack) localaws.Function {
	function := stack.Functions[localaws.OnRepo]
	function.LogicalID = "bench"
	function.Environment = maps.Clone(function.Environment)
	maps.Copy(function.Environment, p.extra)
	return function
}
