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
)

// program is a function that is measured.
type program struct {
	name    string
	works   bool // gives repositories a policy
	size    int64
	command []string
	extra   map[string]string // environment beyond that of onrepo
}

const (
	blogVenv         = ".local/bench-start-venv"
	blogRequirements = "bench/start/blog/requirements.txt"
)

//go:embed blog/handler.py
var blogHandler []byte

// compiled returns a program made from a package of the module in a directory.
func compiled(ctx context.Context, module, dir, name, source string, works bool) (program, error) {
	path := filepath.Join(dir, filepath.Base(source))
	if err := localaws.BuildFunction(ctx, module, source, path); err != nil {
		return program{}, err
	}
	return binary(name, path, works)
}

// binary returns a program that is compiled already.
func binary(name, path string, works bool) (program, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return program{}, err
	}
	file, err := os.Stat(path)
	if err != nil {
		return program{}, fmt.Errorf("look at the binary of %s: %w", name, err)
	}
	return program{name: name, works: works, size: file.Size(), command: []string{path, "bootstrap"}}, nil
}

// blog returns the Python function, compiled as Python compiles: Lambda's own Python and its boto3 are.
func blog(ctx context.Context, root, dir string, progress io.Writer) (program, error) {
	venv, err := localaws.SetupVenv(ctx, root, blogVenv, blogRequirements, progress)
	if err != nil {
		return program{}, fmt.Errorf("set up %s: %w", blogVenv, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "handler.py"), blogHandler, 0o644); err != nil {
		return program{}, err
	}
	output, err := exec.CommandContext(ctx, venv.Python(), "-m", "compileall", "-q", dir).CombinedOutput()
	if err != nil {
		return program{}, fmt.Errorf("compile the Python function: %w: %s", err, output)
	}
	return program{
		name:    "Python with boto3",
		works:   true,
		command: []string{venv.Python(), "-m", "awslambdaric", "handler.handler"},
		extra:   map[string]string{"PYTHONPATH": dir, "LAMBDA_TASK_ROOT": dir},
	}, nil
}

// in returns the program as a function of the stack: with the environment that the stack gives to onrepo.
func (p program) in(stack *localaws.Stack) localaws.Function {
	function := stack.Functions[localaws.OnRepo]
	function.LogicalID = "bench"
	function.Environment = maps.Clone(function.Environment)
	maps.Copy(function.Environment, p.extra)
	return function
}
