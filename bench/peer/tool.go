package peer

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"text/template"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

const (
	venvDir      = ".local/bench-peer-venv"
	requirements = "bench/peer/requirements.txt"
)

// tool is a program that sets the policies of all repositories.
type tool struct {
	name    string
	command []string // path and arguments
}

// build builds the command line with the flags of make cli, and returns the tool that runs apply.
func build(ctx context.Context, root, dir string) (tool, error) {
	path := filepath.Join(dir, "ecr-pull-policy")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "./cmd/ecr-pull-policy")
	cmd.Dir = root
	if output, err := cmd.CombinedOutput(); err != nil {
		return tool{}, fmt.Errorf("build the command line: %w: %s", err, output)
	}
	return tool{name: "ecr-pull-policy apply", command: []string{path, "apply", "--yes"}}, nil
}

//go:embed custodian.yml
var custodianPolicy string

// custodian returns the tool that runs Cloud Custodian with a policy that adds the statements to all repositories. If
// filtered is true, the policy skips repositories that already have a statement with the same Sid.
func custodian(python venv.Venv, dir, name, statements string, filtered bool) (tool, error) {
	path := filepath.Join(dir, fmt.Sprintf("custodian-%t.yml", filtered))
	sid, err := firstSid(statements)
	if err != nil {
		return tool{}, err
	}
	var text bytes.Buffer
	err = template.Must(template.New("").Parse(custodianPolicy)).Execute(&text, map[string]any{
		"Statements": statements, "Sid": sid, "Filtered": filtered,
	})
	if err != nil {
		return tool{}, fmt.Errorf("write a Custodian policy: %w", err)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
		return tool{}, err
	}
	// A cache period of 0 turns off the cache. With the cache, the second run wouldn't read the policies.
	return tool{name: name, command: []string{python.Tool("custodian"), "run", "--cache-period", "0",
		"--output-dir", filepath.Join(dir, "custodian"), path}}, nil
}

func firstSid(statements string) (string, error) {
	var parsed []struct{ Sid string }
	if err := json.Unmarshal([]byte(statements), &parsed); err != nil {
		return "", fmt.Errorf("parse the statements %q: %w", statements, err)
	}
	if len(parsed) == 0 {
		return "", fmt.Errorf("no statement in %q", statements)
	}
	return parsed[0].Sid, nil
}

// version returns the version of the installed Cloud Custodian.
func version(ctx context.Context, python venv.Venv) (string, error) {
	text, err := exec.CommandContext(ctx, python.Tool("custodian"), "version").Output()
	if err != nil {
		return "", fmt.Errorf("get the version of Custodian: %w", err)
	}
	return string(bytes.TrimSpace(text)), nil
}

// run runs a command with the given environment, and returns its standard output and its duration.
func run(ctx context.Context, environment, command []string) (output []byte, duration time.Duration, err error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = environment
	cmd.WaitDelay = time.Second
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		text, _ := io.ReadAll(io.LimitReader(io.MultiReader(&problems, &out), 4<<10))
		return nil, 0, fmt.Errorf("%s: %w: %s", filepath.Base(command[0]), err, text)
	}
	return out.Bytes(), time.Since(begin), nil
}
